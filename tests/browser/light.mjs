// Of very long outputs, later lines are text with numbers beside it, no elements of their own. They are as good as the
// others: each stands beside its number, they are copied as lines, and a click on a number leads to the line.

import { run } from './harness.mjs';

const LINE_HEIGHT = 24;
const LIGHT = '.block.light';

await run(async (session) => {
  const { task } = session.plan;
  const page = await session.page();
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  const whole = session.url(`/${task}/output?from=1`);
  for (const options of ['', '&times=1']) {
    await page.goto(whole + options);
    await heights(session, page);
  }
  await page.goto(whole);
  await noWider(session, page);
  for (const border of [10_000, 10_500]) await copy(session, page, border - 2, border + 3);
  await sideways(session, page, whole);
  await print(session, page, whole);
  for (const options of ['', '&times=1']) await press(session, page, whole + options);
  await range(session, page, `${whole}&lines=10700-10800`);
  await follow(session, page, `/${task}/output`);
});

/** Each line stands beside its number, also where the last line of a block is empty. */
async function heights(session, page) {
  let empty = 0;
  for (const block of await page.locator(LIGHT).all()) {
    await block.scrollIntoViewIfNeeded();
    await page.evaluate(drawn);
    const { height, beside, numbers, lines } = await block.evaluate((element) => ({
      height: element.getBoundingClientRect().height,
      beside: parseFloat(getComputedStyle(element, '::before').height),
      numbers: element.dataset.numbers.split('\n').map((number) => parseInt(number, 10)),
      lines: element.textContent.split('\n'),
    }));
    const wanted = LINE_HEIGHT * numbers.length;
    session.check(height === wanted && beside === wanted, `from ${numbers[0]} on numbers are ${beside} px high, lines ${height} px`);
    const wrong = numbers.findIndex((number, index) => lines[index] !== line(number, session.plan));
    session.check(wrong < 0, `beside number ${numbers[wrong]} stands ${lines[wrong]}`);
    if (session.plan.texts[numbers.at(-1)] === '') empty += 1;
  }
  session.check(empty > 0, 'no block ends with an empty line');
}

/** A page is not scrolled sideways, whatever of it is looked at: short lines fit, and long ones are wrapped. */
async function noWider(session, page) {
  for (const part of [0, 0.5, 0.9, 1, 0]) {
    await page.evaluate((where) => scrollTo(0, where * document.documentElement.scrollHeight), part);
    await page.evaluate(drawn);
    const [wide, seen] = await page.evaluate(() => [log.scrollWidth, log.clientWidth]);
    session.check(wide === seen, `after scrolling to ${part} the log is ${wide} px wide and ${seen} px of it are seen`);
  }
}

/** What is selected is copied as lines, with the empty ones. */
async function copy(session, page, first, last) {
  await page.evaluate(select, [first, last]);
  await page.keyboard.press('Control+c');
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  const wanted = [];
  for (let number = first; number < last; number += 1) {
    wanted.push(line(number, session.plan));
  }
  const same = copied.replace(/\n$/, '') === wanted.join('\n');
  session.check(same, `lines ${first} to ${last - 1} are copied as ${JSON.stringify(copied)}`);
}

/** Select from the beginning of a line to that of another. */
function select([first, last]) {
  const place = (number) => {
    const line = document.getElementById(`L${number}`);
    if (line) return [line, 0];
    const blocks = [...document.querySelectorAll('.block.light')];
    const numbers = (block) => block.dataset.numbers.split('\n').map(Number);
    const block = blocks.find((each) => numbers(each).includes(number));
    let left = numbers(block).indexOf(number);
    const walker = document.createTreeWalker(block, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const parts = walker.currentNode.data.split('\n');
      if (left < parts.length) return [walker.currentNode, parts.slice(0, left).join('\n').length + (left ? 1 : 0)];
      left -= parts.length - 1;
    }
    throw new Error(`line ${number} is not there`);
  };
  getSelection().setBaseAndExtent(...place(first), ...place(last));
}

/**
 * In a narrow window short lines are scrolled sideways under their numbers, which stay where those of other lines are
 * and can be pressed.
 */
async function sideways(session, page, whole) {
  await page.setViewportSize({ width: 320, height: 800 });
  await page.goto(whole);
  const block = page.locator(LIGHT).first();
  await block.evaluate((element) => element.scrollIntoView());
  await page.evaluate(drawn);
  const { light, other, left, top, width } = await block.evaluate((element) => {
    const free = (each) => `${getComputedStyle(each).paddingLeft} and ${getComputedStyle(each).paddingRight}`;
    return {
      light: free(element),
      other: free(document.getElementById('L1')),
      left: log.getBoundingClientRect().left,
      top: element.getBoundingClientRect().top,
      width: parseFloat(getComputedStyle(element, '::before').width),
    };
  });
  session.check(light === other, `beside lines ${light} are left free, beside others ${other}`);
  const clip = { x: left, y: top, width, height: 5 * LINE_HEIGHT };
  const before = await page.screenshot({ clip });
  const moved = await page.evaluate(() => {
    log.scrollLeft = 60;
    return log.scrollLeft;
  });
  session.check(moved === 60, `the log is scrolled by ${moved} px`);
  await page.evaluate(drawn);
  session.check(before.equals(await page.screenshot({ clip })), 'the numbers are scrolled sideways with their lines');
  const first = await block.evaluate((element) => Number(element.dataset.numbers.split('\n')[0]));
  await Promise.all([
    page.waitForURL(`**/output?lines=*#L${first + 2}`),
    page.mouse.click(left + 20, top + 2.5 * LINE_HEIGHT),
  ]);
  await marked(session, page, first + 2, first + 2);
}

/** On paper nothing is cut off. */
async function print(session, page, whole) {
  await page.goto(whole);
  await page.emulateMedia({ media: 'print' });
  const seen = await page.evaluate(() => ({
    overflowX: getComputedStyle(log).overflowX,
    excess: log.scrollWidth - log.clientWidth,
    numbers: getComputedStyle(document.querySelector('.block.light'), '::before').content,
    coloured: getComputedStyle(document.querySelector('.block span')).color,
  }));
  session.check(seen.overflowX === 'visible' && seen.excess <= 0, `printed, ${seen.excess} px are beside the paper`);
  session.check(seen.coloured === 'rgb(0, 0, 0)', `printed, text for a dark ground is ${seen.coloured}`);
  session.check(seen.numbers === 'none', 'printed, numbers stand beside lines that may be wrapped');
  await page.emulateMedia({ media: 'screen' });
  await page.setViewportSize({ width: 1280, height: 800 });
}

/** A click on a number leads to a page on which that line is marked. */
async function press(session, page, whole) {
  await page.goto(whole);
  const block = page.locator(LIGHT).nth(1);
  await block.scrollIntoViewIfNeeded();
  const number = await block.evaluate((element) => parseInt(element.dataset.numbers, 10));
  await Promise.all([
    page.waitForURL(`**/output?*lines=*#L${number + 4}`),
    block.click({ position: { x: 30, y: 4 * LINE_HEIGHT + LINE_HEIGHT / 2 } }),
  ]);
  await marked(session, page, number + 4, number + 4);
}

function line(number, { texts, lines, last }) {
  return number === lines ? last : (texts[number] ?? `${number}: copying ok, ${(number * 37) % 1000} files`);
}

/** A click with Shift marks all lines up to there, also those between that are no elements of the page. */
async function range(session, page, both) {
  await page.goto(both);
  await clickNumber(page, 9990);
  await Promise.all([
    page.waitForURL('**/output?lines=9990-10600#L9990-L10600'),
    clickNumber(page, 10_600, ['Shift']),
  ]);
  await marked(session, page, 9990, 10_600);
}

async function clickNumber(page, number, modifiers = []) {
  const line = page.locator(`#L${number}`);
  await line.scrollIntoViewIfNeeded();
  await line.click({ position: { x: 40, y: LINE_HEIGHT / 2 }, modifiers });
}

/** An address that names lines leads to them, whatever its page would show of itself. */
async function follow(session, page, output) {
  for (const [query, from, to] of [
    ['?lines=10', 11_500, 11_500],
    ['?lines=L10-L20', 11_500, 11_501],
    ['?from=1', 9990, 10_010],
    ['?from=11000', 10, 12],
  ]) {
    await page.goto('about:blank');
    const lines = from === to ? `${from}` : `${from}-${to}`;
    const hash = from === to ? `#L${from}` : `#L${from}-L${to}`;
    await page.goto(session.url(`${output}${query}${hash}`));
    await page.waitForURL(`**/output?lines=${lines}${hash}`);
    await marked(session, page, from, to);
  }
  await page.evaluate(() => { location.hash = '#L11300'; });
  await page.waitForURL('**/output?lines=11300#L11300');
  await marked(session, page, 11_300, 11_300);
  await nowhere(session, page, output);
}

/** A line that is not there is asked for once. */
async function nowhere(session, page, output) {
  let asked = 0;
  page.on('request', (request) => { asked += request.isNavigationRequest() ? 1 : 0; });
  await page.goto(session.url(`${output}?lines=10#L99999`));
  await page.waitForURL('**/output?lines=99999#L99999');
  await page.evaluate(drawn);
  session.check(asked === 2, `a line that is not there is asked for ${asked} times`);
}

async function marked(session, page, from, to) {
  const numbers = await page.locator('.marked').evaluateAll((all) => all.map(({ id }) => Number(id.slice(1))));
  const good = numbers.length === to - from + 1 && numbers[0] === from && numbers.at(-1) === to;
  session.check(good, `${page.url()} marks ${numbers.length} lines from ${numbers[0]} to ${numbers.at(-1)}, not ${from} to ${to}`);
}

function drawn() {
  return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
}

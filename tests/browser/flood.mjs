// A live page to which very many lines come: they are all there, in order, and the browser's own search finds them; the
// earlier ones are no elements of their own any more, unless somebody is looking at them. Times are measured, for those
// who want to know them, and not judged.

import { writeFile } from 'node:fs/promises';

import { run } from './harness.mjs';

/** Lines that are elements: ten thousand, what waits to be gathered, what is pointed at and what is too long. */
const RICH = 12_000;
const BESIDE = { '': /^\d+$/, '?times=1': /^\d+ {2}\d\d:\d\d:\d\d$/ };

await run(async (session) => {
  const { task, begin, queries } = session.plan;
  const pages = await Promise.all(queries.map(async (query) => {
    const page = await session.page();
    await page.goto(session.url(`/${task}/output${query}`));
    await page.evaluate(watchFrames);
    return page;
  }));
  await writeFile(begin, '');
  const begun = Date.now();
  const [first] = pages;
  const before = await pointAt(session, first);
  await Promise.all(pages.map((page) => allHaveCome(session, page)));
  const painted = Date.now() - begun;
  const gaps = await first.evaluate(() => globalThis.gaps.sort((one, other) => one - other));
  await isStillThere(session, first, before);
  for (const [index, page] of pages.entries()) await compare(session, page, BESIDE[queries[index]]);
  session.measured = { painted, gap: gaps.at(-1), p95: gaps[Math.floor(gaps.length * 0.95)], ...(await use(session, first)) };
});

/** Point at a line as soon as it has come. @return how far down it then is. */
async function pointAt(session, page) {
  const { point } = session.plan;
  if (!point) return undefined;
  await page.locator(`#L${point}`).waitFor();
  await page.evaluate((number) => { location.hash = `#L${number}`; }, point);
  return top(page, point);
}

async function isStillThere(session, page, before) {
  if (before === undefined) return;
  const now = await top(page, session.plan.point);
  session.check(Math.abs(now - before) <= 1, `the line that somebody looks at was ${before} px down and is ${now} px down`);
  session.check((await page.locator(`.marked#L${session.plan.point}`).count()) === 1, 'the line is not marked any more');
}

function top(page, number) {
  return page.locator(`#L${number}`).evaluate((line) => line.getBoundingClientRect().top);
}

async function allHaveCome(session, page) {
  const { last } = session.plan;
  await page.waitForFunction((text) => document.getElementById('tail').lastElementChild?.textContent.includes(text), last, {
    timeout: 200_000,
    polling: 200,
  });
  await page.evaluate(drawn);
}

/** Each line is there once, beside its number and perhaps its time. */
async function compare(session, page, beside) {
  const { lines, last, texts = {} } = session.plan;
  const found = await page.evaluate(allLines);
  const wanted = (number) => (number === lines ? last : (texts[number] ?? `${number}: copying ok, done`));
  const wrong = found.findIndex(([number, text], index) => number !== index + 1 || text !== wanted(number));
  session.check(wrong < 0 && found.length === lines, `there are ${found.length} lines of ${lines}, first wrong: ${found[wrong]}`);
  const rich = await page.locator('#log .block > div').count();
  session.check(rich <= RICH, `${rich} lines are elements of their own`);
  const numbers = await page.locator('.block.light').evaluateAll((all) => all.map(({ dataset }) => dataset.numbers));
  const strange = numbers.flatMap((all) => all.split('\n')).find((each) => !beside.test(each));
  session.check(numbers.length > 0 && !strange, `beside a line stands ${strange}`);
  for (const [text, colour] of Object.entries(session.plan.colours ?? {})) {
    const shown = await page.locator('#log span', { hasText: text }).evaluate((span) => getComputedStyle(span).color);
    session.check(shown === colour, `${text} is shown in ${shown}, not in ${colour}`);
  }
}

/** Type, scroll and search. @return the milliseconds it took. */
async function use(session, page) {
  await page.evaluate(() => scrollTo(0, 0));
  await page.locator('#pattern').focus();
  const typed = await took(page, () => page.keyboard.type('abc'));
  const scrolled = await took(page, () => page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight / 2)));
  await page.evaluate(() => getSelection().removeAllRanges());
  const middle = `${Math.floor(session.plan.lines / 2)}: copying`;
  const searched = Date.now();
  session.check(await page.evaluate((text) => window.find(text), middle), `the browser's search does not find ${middle}`);
  return { typed, scrolled, found: Date.now() - searched };
}

/** Milliseconds until what was done is drawn. */
async function took(page, deed) {
  const begun = Date.now();
  await deed();
  await page.evaluate(drawn);
  return Date.now() - begun;
}

/** Note how long each frame takes. */
function watchFrames() {
  globalThis.gaps = [];
  let before = performance.now();
  const next = (now) => {
    globalThis.gaps.push(now - before);
    before = now;
    requestAnimationFrame(next);
  };
  requestAnimationFrame(next);
}

function allLines() {
  const text = (line) => [...line.childNodes].filter(({ localName }) => localName !== 'time').map((part) => part.textContent);
  return [...document.querySelectorAll('#log .block')].flatMap((block) => {
    if (!block.dataset.numbers) return [...block.children].map((line) => [Number(line.id.slice(1)), text(line).join('')]);
    const texts = block.textContent.split('\n');
    return block.dataset.numbers.split('\n').map((number, index) => [parseInt(number, 10), texts[index]]);
  });
}

function drawn() {
  return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
}

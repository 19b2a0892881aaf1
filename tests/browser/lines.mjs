// What one does with lines of output: point at one or at several, which gives an address to pass on, and copy them.

import { run } from './harness.mjs';

/** The last line of the first block of the page and the first of the next: nothing is between them. */
const ENDS_BLOCK = 500;

/** What is behind a line that is pointed at. */
const MARKED = 'rgb(61, 35, 0)';

await run(async (session) => {
  const { task } = session.plan;
  const page = await session.page();
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await pointAt(session, page, `/${task}/output?from=1`);
  for (const options of ['', '&times=1']) await copy(session, page, `/${task}/output?from=1${options}`);
  for (const path of [`/${task}`, `/${task}/output?q=^77:&context=1`]) await fromSome(session, page, task, path);
});

/** A click on a number points at the line, with Shift at all from the last one to it, and Back undoes that. */
async function pointAt(session, page, path) {
  await page.goto(session.url(path));
  const offered = await page.getByText('Download lines').isVisible();
  session.check(!offered, 'lines are offered as files although none are pointed at');
  await leavesNoGap(session, page);
  const see = async (deed, hash, numbers) => {
    const { hash: found, searchParams } = new URL(await page.evaluate(() => location.href));
    session.check(found === hash, `${deed}: the address ends with ${found}, not with ${hash}`);
    const [from, to] = [numbers[0], numbers.at(-1)];
    const lines = from === to ? `${from}` : `${from}-${to}`;
    session.check(searchParams.get('lines') === lines, `${deed}: without scripts ${page.url()} points at something else`);
    const marked = await page.locator('.marked').evaluateAll((all) => all.map(({ id }) => id));
    const wanted = numbers.map((number) => `L${number}`);
    session.check(`${marked}` === `${wanted}`, `${deed} marks ${marked}, not ${wanted}`);
    const files = page.locator('p', { hasText: `Download lines ${from} to ${to}` }).locator(`a[href*="from=${from}&to=${to}"]`);
    session.check((await files.filter({ visible: true }).count()) === 3, `${deed} does not offer lines ${from} to ${to} as files`);
  };
  const top = () => page.locator('#L5').evaluate((line) => line.getBoundingClientRect().top);
  const before = await top();
  await click(page, 5);
  await see('a click on number 5', '#L5', [5]);
  const ground = (id) => page.locator(id).evaluate((line) => getComputedStyle(line).backgroundColor);
  session.check((await ground('#L5:hover')) === MARKED, `a line that was just clicked is ${await ground('#L5')}`);
  await click(page, 9, ['Shift']);
  await see('a click with Shift on number 9', '#L5-L9', [5, 6, 7, 8, 9]);
  await click(page, 3, ['Shift']);
  await see('a click with Shift on number 3', '#L3-L5', [3, 4, 5]);
  session.check((await top()) === before, 'a click on a number moves the lines away');
  const selected = await page.evaluate(() => `${getSelection()}`);
  session.check(selected === '', `a click with Shift on a number selects ${JSON.stringify(selected)}`);
  const address = page.url();
  const box = await page.locator('#L7').boundingBox();
  await page.locator('#L7').click({ position: { x: box.width / 4, y: box.height / 2 } });
  session.check(page.url() === address, 'a click on the text of a line points at it');
  await page.goBack();
  await see('Back', '#L5-L9', [5, 6, 7, 8, 9]);
  for (let pointings = 2; pointings > 0; pointings -= 1) await page.goBack();
  const left = (await page.locator('.marked').count()) > 0 || (await page.getByText('Download lines').isVisible());
  session.check(!left, 'back where nothing is pointed at, lines are marked or offered as files');
  for (let pointings = 2; pointings > 0; pointings -= 1) await page.goForward();
  await page.reload();
  await see('the address of a range', '#L5-L9', [5, 6, 7, 8, 9]);
}

/** The tools above the output end with their last row. */
async function leavesNoGap(session, page) {
  const { width, height } = page.viewportSize();
  for (const each of [width, 320]) {
    await page.setViewportSize({ width: each, height });
    const gap = await page.locator('.tools').evaluate((tools) => {
      const seen = [...tools.querySelectorAll('a, button')].filter((one) => one.checkVisibility({ visibilityProperty: true }));
      const bottom = (one) => one.getBoundingClientRect().bottom;
      return bottom(tools) - Math.max(...seen.map(bottom));
    });
    session.check(gap < 24, `${gap} px below the tools are empty in a window of ${each} px`);
  }
  await page.setViewportSize({ width, height });
}

/** What is selected with the mouse is copied as lines of their own, with empty ones, without numbers and times. */
async function copy(session, page, path) {
  await page.goto(session.url(path));
  const [first, last] = [ENDS_BLOCK - 2, ENDS_BLOCK + 2];
  await page.locator(`#L${ENDS_BLOCK}`).scrollIntoViewIfNeeded();
  await page.locator(`#L${last}`).scrollIntoViewIfNeeded();
  const begin = await textBox(page, first);
  const end = await textBox(page, last);
  await page.mouse.move(begin.left + 1, begin.top + begin.height / 2);
  await page.mouse.down();
  await page.mouse.move(end.right + 40, end.top + end.height / 2, { steps: 10 });
  await page.mouse.up();
  await page.keyboard.press('Control+c');
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  const wanted = [];
  for (let number = first; number <= last; number += 1) {
    wanted.push(session.plan.texts[number] ?? `${number}: copying ok, ${(number * 37) % 1000} files`);
  }
  const same = copied.replace(/\n$/, '') === wanted.join('\n');
  session.check(same, `${path}: lines ${first} to ${last} are copied as ${JSON.stringify(copied)}`);
}

/** Where only some lines are shown, a click on a number leads to that line among all. */
async function fromSome(session, page, task, path) {
  await page.goto(session.url(path));
  const line = page.locator('[data-lines] .block > div').last();
  const id = await line.getAttribute('id');
  await Promise.all([page.waitForURL(`**/${task}/output?lines=*#${id}`), clickNumber(line)]);
  const marked = await page.locator('.marked').evaluateAll((all) => all.map((element) => element.id));
  session.check(`${marked}` === id, `from ${path} one comes to ${marked}, not to ${id}`);
}

/** Click on the number of a line that is in sight, without scrolling as the driver's own clicks may. */
async function click(page, number, modifiers = []) {
  const { x, y, height } = await page.locator(`#L${number}`).boundingBox();
  for (const key of modifiers) await page.keyboard.down(key);
  await page.mouse.click(x + 40, y + height / 2);
  for (const key of modifiers) await page.keyboard.up(key);
}

async function clickNumber(line) {
  await line.scrollIntoViewIfNeeded();
  const { height } = await line.boundingBox();
  await line.click({ position: { x: 40, y: height / 2 } });
}

/** Where the text of a line is, without what stands before it. */
function textBox(page, number) {
  return page.locator(`#L${number}`).evaluate((line) => {
    const range = document.createRange();
    range.selectNodeContents(line);
    const time = line.querySelector('time');
    if (time) range.setStartAfter(time);
    const { left, right, top, height } = range.getBoundingClientRect();
    return { left, right, top, height };
  });
}

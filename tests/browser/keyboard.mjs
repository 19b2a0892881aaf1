// Everything can be reached and done with the keyboard alone, and one always sees where one is.

import { run } from './harness.mjs';

const MOST_TABS = 400;
const AT_ONCE = 20;

await run(async (session) => {
  const page = await session.page();
  for (const path of session.plan.pages) {
    await page.goto(session.url(path));
    await skip(session, page);
    await page.goto(session.url(path));
    await tabThrough(session, page);
  }
  await openTask(session, page);
  await shortcuts(session, page);
  await anywhere(session, page);
  await change(session, page, session.plan.paused, 'skip', 'h1');
  await change(session, page, session.plan.running, 'cancel', '.badge.success, .badge.error, .badge.cancelled');
});

/** The first thing that Tab reaches leads past the navigation. */
async function skip(session, page) {
  await page.keyboard.press('Tab');
  const target = await page.evaluate(() => document.activeElement.getAttribute('href'));
  session.check(target === '#main', `${page.url()}: Tab reaches ${target} first, not the link to the content`);
  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');
  const inside = await page.evaluate(() => document.querySelector('main').contains(document.activeElement));
  session.check(inside, `${page.url()}: after the link to the content, Tab does not go on in the content`);
}

/** Tab reaches all that can be pressed, and each shows that it was reached. */
async function tabThrough(session, page) {
  await page.evaluate(watchFocus);
  for (let tabs = 0; tabs < MOST_TABS; tabs += AT_ONCE) {
    for (let tab = 0; tab < AT_ONCE; tab += 1) await page.keyboard.press('Tab');
    if (await page.evaluate(() => globalThis.left.size === 0)) break;
  }
  const { missed, unseen } = await page.evaluate(() => {
    const texts = (elements) => [...elements].slice(0, 3).map((element) => element.outerHTML.slice(0, 100));
    return { missed: texts(globalThis.left), unseen: texts(globalThis.unseen) };
  });
  session.check(missed.length === 0, `${page.url()}: Tab does not reach ${missed.join(', ')}`);
  session.check(unseen.length === 0, `${page.url()}: one does not see where the focus is: ${unseen.join(', ')}`);
}

function watchFocus() {
  const wanted = 'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]';
  const seen = (element) => element.checkVisibility({ visibilityProperty: true });
  globalThis.left = new Set([...document.querySelectorAll(wanted)].filter(seen));
  globalThis.unseen = new Set();
  document.addEventListener('focusin', ({ target }) => {
    globalThis.left.delete(target);
    const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(target);
    if ((outlineStyle === 'none' || outlineWidth === '0px') && boxShadow === 'none') globalThis.unseen.add(target);
  });
}

/** From the list to a task with Tab and Enter. */
async function openTask(session, page) {
  await page.goto(session.url(session.plan.list));
  const link = `a[href*="${session.plan.failed}"]`;
  await tabTo(page, link);
  await Promise.all([page.waitForURL(`**/${session.plan.failed}**`), page.keyboard.press('Enter')]);
  session.check(await page.locator('h1').isVisible(), 'Enter on a task in the list does not open it');
}

/** `?` lists the keys, Escape closes the list, and single keys go where it says; all of them can be turned off. */
async function shortcuts(session, page) {
  await page.goto(session.url('/'));
  const list = page.locator('dialog#shortcuts');
  await page.keyboard.press('?');
  session.check(await list.isVisible(), '? does not list the keys');
  await page.keyboard.press('Escape');
  session.check(await list.isHidden(), 'Escape does not close the list of keys');
  // Escape also stops what is being loaded, which the next key begins: nobody is that quick
  await page.goto(session.url('/'));
  for (const [key, place] of [['t', /\/tasks$/], ['f', /failed/], ['s', /\/status$/], ['h', /\/$/]]) {
    await Promise.all([page.waitForURL(place), page.keyboard.press(key)]);
  }
  await page.keyboard.press('/');
  session.check(await page.evaluate(() => document.activeElement.id === 'search'), '/ does not lead to the search');
  await page.keyboard.press('Tab');
  await page.keyboard.press('?');
  await page.locator('#use-shortcuts').press('Space');
  await page.goto(session.url('/'));
  await page.keyboard.press('t');
  session.check(!page.url().endsWith('/tasks'), 'keys that were turned off still do something');
  await page.keyboard.press('?');
  await page.locator('#use-shortcuts').press('Space');
  await page.keyboard.press('Escape');
}

/** Ctrl and K, a part of a name, and Return lead to any page; so do the arrows. */
async function anywhere(session, page) {
  const dialog = page.locator('dialog#palette');
  await page.keyboard.press('Control+k');
  await dialog.getByRole('link', { name: 'Overview' }).waitFor();
  await page.keyboard.type('stat');
  await dialog.getByRole('link', { name: 'Overview' }).waitFor({ state: 'detached' });
  await Promise.all([page.waitForURL(/\/status$/), page.keyboard.press('Enter')]);
  await page.keyboard.press('k');
  await dialog.getByRole('link', { name: 'Tasks' }).first().waitFor();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowDown');
  const reached = await page.evaluate(() => document.activeElement.textContent);
  session.check(reached === 'Tasks', `the second arrow leads to ${reached}, not to the second place`);
  await page.keyboard.press('Escape');
  session.check(await dialog.isHidden(), 'Escape does not close the list of places');
}

/** A deed is asked for, confirmed on a page of its own, and done: with Tab and Enter. */
async function change(session, page, id, deed, done) {
  await page.goto(session.url(`/${id}`));
  await press(page, `a[href*="/confirm/${deed}"]`, `**/confirm/${deed}*`);
  await press(page, `form[action*="/${deed}"] button`, (url) => url.pathname.endsWith(id));
  await page.locator(done).first().waitFor();
  const told = page.locator('main').getByText(new RegExp(`${deed}.*, by `));
  for (let reloads = 0; reloads < 20 && (await told.count()) === 0; reloads += 1) await page.reload();
  session.check((await told.count()) > 0, `Enter on ${deed} does not do it: the task's page does not tell of it`);
}

async function press(page, selector, goal) {
  await tabTo(page, selector);
  await Promise.all([page.waitForURL(goal), page.keyboard.press('Enter')]);
}

async function tabTo(page, selector) {
  await page.locator(selector).first().waitFor();
  for (let tabs = 0; tabs < MOST_TABS; tabs += 1) {
    await page.keyboard.press('Tab');
    if (await page.evaluate((wanted) => document.activeElement.matches(wanted), selector)) return;
  }
  throw new Error(`Tab does not reach ${selector} on ${page.url()}`);
}

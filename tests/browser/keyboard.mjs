// Everything can be reached and done with the keyboard alone, and one always sees where one is.

import { run } from './harness.mjs';

const MOST_TABS = 400;

await run(async (session) => {
  const page = await session.page();
  for (const path of session.plan.pages) {
    await page.goto(session.url(path));
    await skip(session, page);
    await page.goto(session.url(path));
    await tabThrough(session, page);
  }
  await openTask(session, page);
  await cancel(session, page);
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
  await page.evaluate(() => {
    const wanted = 'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]';
    globalThis.left = new Set([...document.querySelectorAll(wanted)].filter((element) => element.checkVisibility()));
  });
  for (let tabs = 0; tabs < MOST_TABS; tabs += 1) {
    await page.keyboard.press('Tab');
    const { ended, unseen } = await page.evaluate(reached);
    session.check(!unseen, `${page.url()}: one does not see that ${unseen} has the focus`);
    if (ended) break;
  }
  const missed = await page.evaluate(() => [...globalThis.left].map((element) => element.outerHTML.slice(0, 100)));
  session.check(missed.length === 0, `${page.url()}: Tab does not reach ${missed.slice(0, 3).join(', ')}`);
}

function reached() {
  const element = document.activeElement;
  if (element === document.body) return { ended: true };
  globalThis.left.delete(element);
  const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(element);
  const shown = (outlineStyle !== 'none' && outlineWidth !== '0px') || boxShadow !== 'none';
  return { ended: globalThis.left.size === 0, unseen: shown ? '' : element.outerHTML.slice(0, 100) };
}

/** From the list to a task with Tab and Enter. */
async function openTask(session, page) {
  await page.goto(session.url(session.plan.list));
  const link = `a[href*="${session.plan.failed}"]`;
  await tabTo(page, link);
  await Promise.all([page.waitForURL(`**/${session.plan.failed}**`), page.keyboard.press('Enter')]);
  session.check(await page.locator('h1').isVisible(), 'Enter on a task in the list does not open it');
}

/** A running task is cancelled with Tab and Enter. */
async function cancel(session, page) {
  await page.goto(session.url(`/${session.plan.running}`));
  const button = 'form[action$="/cancel"] button';
  await tabTo(page, button);
  await page.keyboard.press('Enter');
  await page.waitForFunction((id) => location.pathname.includes(id), session.plan.running);
  session.check((await answered(page, session.plan.running)) === 'stopped', 'Enter on Cancel does not cancel the task');
}

async function tabTo(page, selector) {
  await page.locator(selector).first().waitFor();
  for (let tabs = 0; tabs < MOST_TABS; tabs += 1) {
    await page.keyboard.press('Tab');
    if (await page.evaluate((wanted) => document.activeElement.matches(wanted), selector)) return;
  }
  throw new Error(`Tab does not reach ${selector} on ${page.url()}`);
}

/** The state of a task, when it has ended or 10 s have passed. */
async function answered(page, id) {
  const deadline = Date.now() + 10_000;
  let state = '';
  while (state !== 'stopped' && Date.now() < deadline) {
    const answer = await page.request.get(new URL(`/tasks/${id}/status`, page.url()).href);
    state = (await answer.json()).state;
  }
  return state;
}

// What others wrote stays text, wherever it is shown. The content security policy is off, so that nothing but the
// escaping protects; a page with a hostile text must have no more elements of any kind than one with a harmless text.
// The pages of all tasks are taken apart; every fifth, and all lists, are opened, and done to what a visitor may do.

import { run } from './harness.mjs';

const OPENED = 5;
const MARKED_UP = 'code[]';
/** Words between backticks in our own sentences. */
const IN_OUTPUT = new Set(['A', 'SPAN', 'DIV', 'PRE', 'CODE', 'TIME', 'BUTTON', 'OL', 'LI']);

await run(async (session) => {
  const page = await session.page({ bypassCSP: true });
  await page.goto(session.url('/'));
  const expected = await takeApart(page, session.url(`/${session.plan.harmless}`));
  for (const [id, text] of Object.entries(session.plan.tasks)) {
    compare(session, text, await takeApart(page, session.url(`/${id}`)), expected);
  }
  const opened = Object.keys(session.plan.tasks).filter((_, number) => number % OPENED === 0);
  for (const path of [...session.plan.pages, ...opened.map((id) => `/${id}`)]) await open(session, page, path);
});

function compare(session, text, seen, expected) {
  const name = JSON.stringify(text);
  for (const [kind, number] of Object.entries(seen.outside)) {
    if (kind === MARKED_UP) continue;
    session.check(number <= (expected.outside[kind] ?? 0), `${name} makes ${kind} on the task's page`);
  }
  for (const kind of seen.output) session.check(IN_OUTPUT.has(kind), `${name} makes ${kind} in the output`);
  for (const link of seen.links) session.check(/^([#/?]|https?:)/.test(link), `${name} makes a link to ${link}`);
  session.check(seen.heading.includes(plain(text)), `${name} is ${JSON.stringify(seen.heading)} in the heading`);
}

/** A page, and those that follow it to the end of the list. */
async function open(session, page, path) {
  await page.goto(session.url(path));
  for (let more = true; more; ) {
    await page.evaluate(provoke);
    session.check((await page.locator('main h1').count()) === 1, `${page.url()} has no heading`);
    const older = page.locator('a[rel=next]');
    more = (await older.count()) > 0;
    if (more) await Promise.all([page.waitForURL(/before=/), older.first().click()]);
  }
}

/** What is left of white space and NUL in a heading. */
function plain(text) {
  return text.replaceAll('\0', '').replace(/\s+/g, ' ').trim();
}

function provoke() {
  for (const element of document.querySelectorAll('*')) {
    for (const name of ['mouseover', 'focus', 'toggle']) element.dispatchEvent(new Event(name, { bubbles: true }));
  }
}

/** How many elements of which kind a page has, without opening it. */
function takeApart(page, url) {
  return page.evaluate(async (address) => {
    const answer = await fetch(address);
    const parsed = new DOMParser().parseFromString(await answer.text(), 'text/html');
    const output = parsed.querySelector('.log');
    const outside = {};
    for (const element of parsed.querySelectorAll('*')) {
      if (output?.contains(element)) continue;
      const kind = `${element.localName}[${[...element.attributes].map(({ name }) => name).sort()}]`;
      outside[kind] = (outside[kind] ?? 0) + 1;
    }
    const inside = [...(output?.querySelectorAll('*') ?? [])];
    return {
      outside,
      output: [...new Set(inside.map(({ nodeName }) => nodeName))],
      links: inside.map((element) => element.getAttribute('href')).filter((link) => link !== null),
      heading: parsed.querySelector('h1').textContent.replace(/\s+/g, ' '),
    };
  }, url);
}

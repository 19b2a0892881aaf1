// What others wrote stays text, wherever it is shown. The content security policy is off, so that nothing but the
// escaping protects; a page with a hostile text must have no more elements of any kind than one with a harmless text.
// The task pages of all texts are taken apart, other pages of as many as the plan says; those are opened too, and what
// a visitor may do is done to them.

import { run } from './harness.mjs';

const AT_ONCE = 20;
const MARKED_UP = 'code[]';
/** Words between backticks in our own sentences. */
const IN_OUTPUT = new Set(['A', 'SPAN', 'DIV', 'PRE', 'CODE', 'TIME', 'BUTTON', 'OL', 'LI', 'BR']);
/** Where the text of a task is shown. */
const KINDS = {
  task: (id) => `/${id}`,
  output: (id) => `/${id}/output?times=1`,
  found: (id) => `/${id}/output?q=.`,
  question: (id) => `/${id}/confirm/halt`,
  host: (_, text) => `/host?name=${encodeURIComponent(text)}`,
  key: (_, text) => `/forget-key?name=${encodeURIComponent(text)}`,
};
/** Where what a visitor has typed is shown again. */
const TYPED = ['/tasks?q=', '/tasks?q=host:', '/bulk?what=cancel&q=label:'];

await run(async (session) => {
  const { tasks, harmless, pages, every } = session.plan;
  const page = await session.page({ bypassCSP: true });
  await page.goto(session.url('/'));
  const texts = Object.entries(tasks);
  const chosen = texts.filter((_, number) => number % every === 0);
  for (const [kind, path] of Object.entries(KINDS)) {
    const wanted = kind === 'task' ? texts : chosen;
    const address = ([id, text]) => session.url(path(id, text));
    const [expected] = await takeApart(page, [address([harmless, tasks[harmless]])]);
    for (let begin = 0; begin < wanted.length; begin += AT_ONCE) {
      const some = wanted.slice(begin, begin + AT_ONCE);
      const seen = await takeApart(page, some.map(address));
      some.forEach(([, text], index) => compare(session, kind, text, seen[index], expected));
    }
  }
  const typed = chosen.map(([, text], number) => `${TYPED[number % TYPED.length]}${encodeURIComponent(text)}`);
  for (const path of [...pages, ...typed, ...chosen.map(([id]) => KINDS.task(id))]) await open(session, page, path);
});

function compare(session, kind, text, seen, expected) {
  const name = `${JSON.stringify(text)} (${kind})`;
  session.check(seen.status < 500, `${name}: the answer is ${seen.status}`);
  for (const [element, number] of Object.entries(seen.outside)) {
    if (element === MARKED_UP || seen.status !== expected.status) continue;
    // A host's page has a row for each of its tasks
    const most = kind === 'host' && element in expected.outside ? number : (expected.outside[element] ?? 0);
    session.check(number <= most, `${name} makes ${element}`);
  }
  for (const element of seen.output) session.check(IN_OUTPUT.has(element), `${name} makes ${element} in the output`);
  for (const link of seen.links) session.check(/^([#/?]|https?:)/.test(link), `${name} makes a link to ${link}`);
  const shown = kind !== 'task' || seen.heading.includes(plain(text));
  session.check(shown, `${name} is ${JSON.stringify(seen.heading)} in the heading`);
}

/** A page, and those that follow it to the end of the list. */
async function open(session, page, path) {
  await page.goto(session.url(path));
  for (let more = true; more; ) {
    await page.evaluate(provoke);
    session.check((await page.locator('main h1').count()) === 1, `${page.url()} has no heading`);
    const older = page.locator('a[rel=next]');
    more = (await older.count()) > 0;
    const before = page.url();
    if (more) await Promise.all([page.waitForURL((url) => url.href !== before), older.first().click()]);
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

/** How many elements of which kind pages have, without opening them. */
function takeApart(page, urls) {
  return page.evaluate((addresses) => {
    const names = (element) => [...element.attributes].map(({ name }) => name).sort();
    const look = async (address) => {
      const answer = await fetch(address);
      const parsed = new DOMParser().parseFromString(await answer.text(), 'text/html');
      const outside = {};
      const inside = [];
      for (const element of parsed.querySelectorAll('*')) {
        if (element.parentElement?.closest('.log')) {
          inside.push(element);
          continue;
        }
        const kind = `${element.localName}[${names(element)}]`;
        outside[kind] = (outside[kind] ?? 0) + 1;
      }
      return {
        status: answer.status,
        outside,
        output: [...new Set(inside.map(({ nodeName }) => nodeName))],
        links: inside.map((element) => element.getAttribute('href')).filter((link) => link !== null),
        heading: parsed.querySelector('h1')?.textContent.replace(/\s+/g, ' ') ?? '',
      };
    };
    return Promise.all(addresses.map(look));
  }, urls);
}

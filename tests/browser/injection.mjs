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
const TYPED = ['/tasks?q=', '/tasks?q=host:', '/bulk?what=cancel&q=label:', '/go?to=', '/audit?who=', '/audit?about='];
/** What a visitor may have typed that is harmless: nothing, found, not found, and not understood. */
const HARMLESS = ['', 'plain', 'state:failed', 'colour:red', '"a', '""'];
const SAVED = 90;

await run(async (session) => {
  const { tasks, harmless, pages, every, parent } = session.plan;
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
  const typed = await type(session, page, chosen.map(([, text]) => text));
  const done = await doToAll(session, page, chosen.map(([, text]) => text));
  await live(session, page, parent, chosen);
  await save(session, page, chosen.map(([, text]) => text));
  const shown = [...typed.filter((_, number) => number % TYPED.length === 0), ...done.slice(0, 3)];
  for (const path of [...pages, ...shown, ...chosen.map(([id]) => KINDS.task(id))]) await open(session, page, path);
});

/** What is typed makes nothing of which there is none on pages with harmless words. @return the addresses. */
async function type(session, page, texts) {
  const addresses = [];
  for (const path of TYPED) {
    const address = (text) => session.url(`${path}${encodeURIComponent(text)}`);
    const known = kindsIn(await takeApart(page, HARMLESS.map(address)));
    addresses.push(texts.map((text) => `${path}${encodeURIComponent(text)}`));
    for (let begin = 0; begin < texts.length; begin += AT_ONCE) {
      const some = texts.slice(begin, begin + AT_ONCE);
      const seen = await takeApart(page, some.map(address));
      some.forEach((text, index) => compareKinds(session, `${JSON.stringify(text)} (${path})`, seen[index], known));
    }
  }
  return addresses[0].flatMap((_, index) => addresses.map((each) => each[index]));
}

/** Nor do the question and the progress of what is done to all that a search finds. @return the addresses. */
async function doToAll(session, page, texts) {
  const begin = async (text) => {
    const q = `label:${JSON.stringify(text.replace(/[^\x20-\x7e]/g, ''))}`;
    const answer = await press(session, page, '/bulk', { q, what: 'skip', expected: '1000' });
    return answer.ok() ? answer.url() : null;
  };
  const known = kindsIn(await takeApart(page, [await begin('plain')]));
  const addresses = [];
  for (const text of texts) {
    const address = await begin(text);
    if (!address) continue;
    addresses.push(address.slice(session.plan.console.length));
    const [seen] = await takeApart(page, [address]);
    compareKinds(session, `${JSON.stringify(text)} (done to all)`, seen, known);
  }
  session.check(addresses.length > texts.length / 2, `only ${addresses.length} of ${texts.length} were done to all`);
  return addresses;
}

/** Nor do names and words of saved searches, wherever those are offered. */
async function save(session, page, texts) {
  const offered = ['/searches', '/go', '/tasks'].map((path) => session.url(path));
  const keep = (name, q) => press(session, page, '/searches', { name, q });
  await keep('plain', 'plain');
  const known = kindsIn(await takeApart(page, offered));
  const printable = texts.map((text) => text.replace(/[^\x20-\x7e]/g, '').trim()).filter(Boolean);
  let saved = 0;
  for (const text of printable.slice(0, SAVED)) {
    saved += (await keep(text.slice(0, 60), JSON.stringify(text.slice(0, 900)))).ok() ? 1 : 0;
  }
  session.check(saved > Math.min(printable.length, SAVED) / 2, `only ${saved} searches were saved`);
  for (const seen of await takeApart(page, offered)) compareKinds(session, `a saved search (${seen.heading})`, seen, known);
  await open(session, page, '/searches');
}

/** Output that comes live stays text, too: it is followed as pages do that. */
async function live(session, page, running, texts) {
  await page.goto(session.url(`/${running}/output`));
  for (const [id, text] of texts) {
    await page.evaluate(follow, session.url(`/${id}/output?after=0.0.1.`));
    await page.locator('#over', { hasText: 'over' }).waitFor({ state: 'attached' });
    await page.evaluate(provoke);
    const made = await page.locator('#tail *').evaluateAll((all) => [...new Set(all.map(({ nodeName }) => nodeName))]);
    session.check(made.includes('DIV'), `${JSON.stringify(text)} (live) does not come`);
    for (const element of made) session.check(IN_OUTPUT.has(element), `${JSON.stringify(text)} (live) makes ${element}`);
  }
}

function follow(url) {
  const log = document.getElementById('log');
  log.innerHTML = `<div hx-ext="sse" sse-connect="${url}" sse-close="end">
    <div id="tail" sse-swap="lines" hx-swap="beforeend"></div>
    <div id="partial" sse-swap="partial"></div>
    <p id="over" sse-swap="end"></p>
  </div>`;
  htmx.process(log);
}

/** Press a button of a page, as a browser does. */
function press(session, page, path, form) {
  return page.request.post(session.url(path), { form, headers: { origin: new URL(session.url('/')).origin } });
}

function kindsIn(pages) {
  return new Set(pages.flatMap(({ outside }) => Object.keys(outside)));
}

function compareKinds(session, name, { status, outside }, known) {
  session.check(status < 500, `${name}: the answer is ${status}`);
  const strange = Object.keys(outside).filter((kind) => kind !== MARKED_UP && !known.has(kind));
  session.check(strange.length === 0, `${name} makes ${strange}`);
}

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
async function takeApart(page, urls) {
  const answers = await Promise.all(urls.map((url) => page.request.get(url)));
  const pages = await Promise.all(answers.map(async (answer) => [answer.status(), await answer.text()]));
  return page.evaluate((all) => {
    const names = (element) => [...element.attributes].map(({ name }) => name).sort();
    return all.map(([status, text]) => {
      const parsed = new DOMParser().parseFromString(text, 'text/html');
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
        status,
        outside,
        output: [...new Set(inside.map(({ nodeName }) => nodeName))],
        links: inside.map((element) => element.getAttribute('href')).filter((link) => link !== null),
        heading: parsed.querySelector('h1')?.textContent.replace(/\s+/g, ' ') ?? '',
      };
    });
  }, pages);
}

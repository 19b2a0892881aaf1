// Every page under its own content security policy, in both themes: it has a title, a heading and a language, breaks no
// rule of the policy, asks nobody else for anything; and a first visit is light.

import { run } from './harness.mjs';

const KB = 1024;
const MOST = { all: 120 * KB, Script: 35 * KB };

await run(async (session) => {
  await weigh(session);
  for (const colorScheme of ['light', 'dark']) {
    const page = await session.page({ colorScheme });
    const background = new Set();
    for (const [name, path] of Object.entries(session.plan.pages)) {
      await page.goto(session.url(path));
      const seen = await page.evaluate(look);
      session.check(seen.language === 'en', `${name} has the language ${seen.language}`);
      session.check(/ · smartdyn$/.test(seen.title), `${name} has the title ${seen.title}`);
      session.check(seen.headings === 1, `${name} has ${seen.headings} headings of the first level`);
      session.check(seen.inline === 0, `${name} has ${seen.inline} scripts or styles in it`);
      background.add(seen.background);
    }
    session.check(background.size === 1, `${colorScheme}: the background is ${[...background].join(' or ')}`);
    await page.context().close();
  }
});

function look() {
  return {
    language: document.documentElement.lang,
    title: document.title,
    headings: document.querySelectorAll('h1').length,
    // Exact colours of output are set by the page's own script
    inline: document.querySelectorAll('style, script:not([src]), [style]:not([data-color], [data-background])').length,
    background: getComputedStyle(document.body).backgroundColor,
  };
}

/** What the first page transfers, with nothing in the cache. */
async function weigh(session) {
  const page = await session.page();
  const protocol = await page.context().newCDPSession(page);
  const kinds = new Map();
  const sizes = { all: 0, Script: 0 };
  protocol.on('Network.responseReceived', ({ requestId, type }) => kinds.set(requestId, type));
  protocol.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    sizes.all += encodedDataLength;
    if (kinds.get(requestId) === 'Script') sizes.Script += encodedDataLength;
  });
  await protocol.send('Network.enable');
  await page.goto(session.url('/'), { waitUntil: 'networkidle' });
  for (const [kind, most] of Object.entries(MOST)) {
    session.check(sizes[kind] > 0 && sizes[kind] <= most, `the first visit transfers ${sizes[kind]} bytes (${kind})`);
  }
  session.measured = sizes;
  await page.context().close();
}

// Twelve troubles: from the console's first page, the cause and what to do next are in sight after two clicks at most.

import { run } from './harness.mjs';

const CLICKS = 2;
// What takes long is remarked on after ten seconds
const PATIENCE = 25_000;

await run(async (session) => {
  for (const journey of session.plan.journeys) {
    const page = await session.page();
    const deadline = Date.now() + PATIENCE;
    let missing = await walk(page, journey);
    while (missing.length > 0 && Date.now() < deadline) missing = await walk(page, journey);
    session.check(missing.length === 0, `${journey.name}: ${missing.join(', ')} not in sight (${page.url()})`);
    await page.context().close();
  }
});

/**
 * Go the shortest way to a task.
 *
 * @return the words that are not in sight at its end.
 */
async function walk(page, journey) {
  await page.goto(`${journey.console}/`);
  for (let clicks = 0; ; clicks += 1) {
    const missing = await wordsOutOfSight(page, journey.words);
    if (missing.length === 0 || clicks === CLICKS) return missing;
    const link = page.locator(`main a[href*="${journey.task}"]`);
    const all = page.locator('header a, nav a').getByText(/tasks/i);
    const next = (await link.count()) > 0 ? link : all;
    if (page.url().includes(journey.task) || (await next.count()) === 0) return missing;
    await next.first().click();
    await page.waitForLoadState();
  }
}

/** Those of the words that do not stand in the part of the page that is seen without scrolling. */
function wordsOutOfSight(page, words) {
  return page.evaluate((wanted) => {
    const shown = [];
    const walker = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const range = document.createRange();
      range.selectNodeContents(walker.currentNode);
      const box = range.getBoundingClientRect();
      if (box.height > 0 && box.top >= 0 && box.bottom <= innerHeight) shown.push(walker.currentNode.data);
    }
    const text = shown.join(' ').replace(/\s+/g, ' ');
    return wanted.filter((word) => !new RegExp(word, 'i').test(text));
  }, words);
}

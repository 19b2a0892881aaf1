// A very long output on one page: when something is seen, when it can be used, and whether the browser's own search
// finds the last line. Times are measured, for those who want to know them, and not judged.

import { run } from './harness.mjs';

await run(async (session) => {
  const { task, lines, last, options = '' } = session.plan;
  const page = await session.page();
  const begun = Date.now();
  await page.goto(session.url(`/${task}/output?from=1${options}`), { timeout: 60_000 });
  const loaded = Date.now() - begun;
  const painted = await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime);
  // Usable: it answers a key, and what that leads to is drawn
  await page.keyboard.press('G');
  await page.evaluate(drawn);
  const usable = Date.now() - begun;
  const count = await page.evaluate(() => {
    const light = [...document.querySelectorAll('.block.light')].map((block) => block.textContent.split('\n').length - 1);
    return light.reduce((sum, lines) => sum + lines, document.querySelectorAll('.block > div').length);
  });
  session.check(count === lines, `the page has ${count} lines of ${lines}`);
  await page.keyboard.press('g');
  await page.evaluate(drawn);
  const searched = Date.now();
  const found = await page.evaluate((text) => window.find(text), last);
  const taken = Date.now() - searched;
  await page.evaluate(drawn);
  session.check(found, `the browser's search does not find ${last}`);
  const seen = await page.evaluate(() => {
    const box = getSelection().getRangeAt(0).getBoundingClientRect();
    return box.height > 0 && box.top >= 0 && box.bottom <= innerHeight;
  });
  session.check(seen, 'what was found is not in sight');
  session.measured = { painted, loaded, usable, found: taken };
  await link(session, page, task, Math.floor(lines / 2));
});

/** A link to lines leads there, and they are marked; with scripts and without. */
async function link(session, page, task, first) {
  const path = `/${task}/output?lines=${first}-${first + 2}#L${first}-L${first + 2}`;
  const without = await session.page({ javaScriptEnabled: false });
  for (const each of [page, without]) {
    await each.goto(session.url(path));
    for (const number of [first, first + 2]) {
      const line = each.locator(`.marked#L${number}`);
      const box = (await line.count()) === 1 ? await line.boundingBox() : null;
      const inSight = box !== null && box.y >= 0 && box.y + box.height <= 800;
      session.check(inSight, `a link to line ${number} does not lead there${each === page ? '' : ' without scripts'}`);
    }
  }
}

function drawn() {
  return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
}

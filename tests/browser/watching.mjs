// How long after a line was printed it is painted, in several pages. Lines are the time at which they were printed, in
// seconds. What is seen is noted when the frame after the line's arrival has been painted.

import { writeFile } from 'node:fs/promises';

import { run } from './harness.mjs';

await run(async (session) => {
  const { tasks, lines } = session.plan;
  const pages = await Promise.all(tasks.map(async (task) => {
    const page = await session.page();
    await page.goto(session.url(`/${task}/output?from=1`));
    await page.evaluate(watch);
    return page;
  }));
  await writeFile(session.plan.begin, '');
  await Promise.all(pages.map((page) => page.waitForFunction(() => document.querySelector('.following')?.textContent.includes('is over'), null, {
    timeout: 120_000,
    polling: 500,
  })));
  const seen = await Promise.all(pages.map((page) => page.evaluate(() => globalThis.seen)));
  for (const delays of seen) session.check(delays.length === lines, `${delays.length} lines of ${lines} were seen`);
  session.measured = { delays: seen.flat() };
});

function watch() {
  globalThis.seen = [];
  const isLine = (element) => element.matches?.('.block > div');
  new MutationObserver((changes) => {
    const added = changes.flatMap(({ addedNodes }) => [...addedNodes]);
    const lines = added.flatMap((node) => (isLine(node) ? [node] : [...(node.querySelectorAll?.('.block > div') ?? [])]));
    const printed = lines.filter((line) => !line.closest('#partial')).map((line) => 1000 * line.textContent.replace(',', '.'));
    requestAnimationFrame(() => setTimeout(() => {
      const now = performance.timeOrigin + performance.now();
      globalThis.seen.push(...printed.map((at) => now - at));
    }));
  }).observe(document.getElementById('tail'), { childList: true, subtree: true });
}

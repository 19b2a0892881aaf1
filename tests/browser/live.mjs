// What a job prints appears without reloading, in each of many windows, over cut connections and a restart of the
// service: every line once, in order.

import { writeFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';

import { CuttingProxy } from './cutting_proxy.mjs';
import { run } from './harness.mjs';

const LINE = '#log .block > div';

await run(async (session) => {
  const { viewers, cuts, lines, task, path } = session.plan;
  const { origin, pathname } = new URL(session.plan.console);
  const proxy = new CuttingProxy(origin);
  session.reroute(`${await proxy.open()}${pathname}`);
  const pages = await Promise.all(Array.from({ length: viewers }, () => session.page()));
  await Promise.all(pages.map((page) => follow(page, session.url(`/${task}${path}`))));
  await writeFile(session.plan.begin, '');
  for (let cut = 0; cut < cuts; cut += 1) {
    const before = await Promise.all(pages.map(count));
    await Promise.all(pages.map((page, viewer) => until(page, Math.min(before[viewer] + 1, lines))));
    proxy.cut();
  }
  await Promise.all(pages.map((page) => until(page, lines)));
  await pause(500);
  for (const [viewer, page] of pages.entries()) await compare(session, page, viewer);
  const delays = (await Promise.all(pages.map((page) => page.evaluate(() => globalThis.delays)))).flat();
  session.measured = { p50: quantile(delays, 0.5), p95: quantile(delays, 0.95), lines: delays.length };
  proxy.close();
});

/** Open the output and note how long after its printing each line is there: lines end with the time, in milliseconds. */
async function follow(page, url) {
  await page.goto(url);
  await page.evaluate((selector) => {
    globalThis.delays = [];
    const seen = new WeakSet(document.querySelectorAll(selector));
    new MutationObserver(() => {
      for (const line of document.querySelectorAll(selector)) {
        if (seen.has(line)) continue;
        seen.add(line);
        globalThis.delays.push(Date.now() - Number(/(\d{13})\s*$/.exec(line.textContent)?.[1]));
      }
    }).observe(document.body, { childList: true, subtree: true });
  }, LINE);
}

function count(page) {
  return page.locator(LINE).count();
}

function until(page, number) {
  const wanted = { selector: LINE, number };
  return page.waitForFunction(({ selector, number }) => document.querySelectorAll(selector).length >= number, wanted, {
    timeout: 120_000,
  });
}

async function compare(session, page, viewer) {
  const texts = await page.locator(LINE).allTextContents();
  const seen = texts.map((text) => Number(/line (\d+) /.exec(text)?.[1]));
  const expected = Array.from({ length: session.plan.lines }, (_, index) => index + 1);
  const wrong = seen.findIndex((number, index) => number !== expected[index]);
  const where = wrong < 0 ? '' : `, first wrong: ${seen.slice(Math.max(0, wrong - 2), wrong + 3)}`;
  session.check(
    seen.length === expected.length && wrong < 0,
    `viewer ${viewer} has ${seen.length} lines of ${expected.length}${where}`,
  );
}

function quantile(numbers, part) {
  const sorted = [...numbers].sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))];
}

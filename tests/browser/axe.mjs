// No page breaks a rule of WCAG 2.2 AA, in both themes, on a telephone and on a desk; nothing must be scrolled sideways.

import { createRequire } from 'node:module';

import { run } from './harness.mjs';

const AXE = createRequire(import.meta.url).resolve('axe-core');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

await run(async (session) => {
  // The policy is lifted so that axe can be put into the pages; what they do under it is tried elsewhere
  const page = await session.page({ bypassCSP: true });
  for (const [name, path] of Object.entries(session.plan.pages)) {
    await page.goto(session.url(path));
    await page.addScriptTag({ path: AXE });
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      for (const width of [320, 1280]) {
        await page.setViewportSize({ width, height: 800 });
        await examine(session, page, `${name}, ${colorScheme}, ${width} px`);
      }
    }
  }
});

async function examine(session, page, where) {
  const result = await page.evaluate((values) => globalThis.axe.run({ runOnly: { type: 'tag', values } }), RULES);
  session.checks += result.passes.length;
  for (const violation of result.violations) {
    const nodes = violation.nodes.map((node) => node.target.join(' ')).slice(0, 5);
    session.found(`${where}: ${violation.id} (${violation.help}) at ${nodes.join('; ')}`);
  }
  const excess = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  session.check(excess <= 0, `${where}: the page is ${excess} px wider than the window`);
}

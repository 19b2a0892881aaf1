// No page breaks a rule of WCAG 2.2 AA, in both themes, on a telephone and on a desk; on no screen, up to 4K, must
// anything be scrolled sideways.

import { createRequire } from 'node:module';

import { run } from './harness.mjs';

const AXE = createRequire(import.meta.url).resolve('axe-core');
const ALL = { type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] };
/** What a theme can change. */
const COLOURS = { type: 'rule', values: ['color-contrast', 'link-in-text-block'] };
const WIDTHS = [320, 1280];

await run(async (session) => {
  // The policy is lifted so that axe can be put into the pages; what they do under it is tried elsewhere
  const page = await session.page({ bypassCSP: true });
  for (const [name, path] of Object.entries(session.plan.pages)) {
    await page.goto(session.url(path));
    await page.addScriptTag({ path: AXE });
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 800 });
      for (const colorScheme of ['light', 'dark']) {
        await page.emulateMedia({ colorScheme });
        const only = colorScheme === 'light' || session.plan.thorough ? ALL : COLOURS;
        await examine(session, page, `${name}, ${colorScheme}, ${width} px`, only);
      }
    }
    await page.setViewportSize({ width: 3840, height: 2160 });
    await fits(session, page, `${name}, 3840 px`);
  }
});

async function examine(session, page, where, runOnly) {
  const result = await page.evaluate((only) => globalThis.axe.run({ runOnly: only }), runOnly);
  session.checks += result.passes.length;
  for (const violation of result.violations) {
    const nodes = violation.nodes.map((node) => node.target.join(' ')).slice(0, 5);
    session.found(`${where}: ${violation.id} (${violation.help}) at ${nodes.join('; ')}`);
  }
  await fits(session, page, where);
}

/** Nothing must be scrolled sideways. */
async function fits(session, page, where) {
  const excess = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  session.check(excess <= 0, `${where}: the page is ${excess} px wider than the window`);
}

// No page breaks a rule of WCAG 2.2 AA, in both themes, on a telephone and on a desk; on no screen, up to 4K, must
// anything be scrolled sideways.

import { createRequire } from 'node:module';

import { run } from './harness.mjs';

const AXE = createRequire(import.meta.url).resolve('axe-core');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
/** Both themes and both widths; the long run takes all four pairs. */
const BOTH = [['light', 1280], ['dark', 320]];
const EACH = [...BOTH, ['light', 320], ['dark', 1280]];

await run(async (session) => {
  // The policy is lifted so that axe can be put into the pages; what they do under it is tried elsewhere
  const page = await session.page({ bypassCSP: true });
  for (const [name, path] of Object.entries(session.plan.pages)) {
    await page.goto(session.url(path));
    await page.evaluate(thin, session.plan.kept);
    await page.addScriptTag({ path: AXE });
    for (const [colorScheme, width] of session.plan.thorough ? EACH : BOTH) {
      await page.setViewportSize({ width, height: 800 });
      await page.emulateMedia({ colorScheme });
      await examine(session, page, `${name}, ${colorScheme}, ${width} px`);
    }
    await page.setViewportSize({ width: 3840, height: 2160 });
    await fits(session, page, `${name}, 3840 px`);
  }
});

/** Of thousands of lines that are alike only so many blocks are examined. */
function thin(kept = Infinity) {
  const blocks = [...document.querySelectorAll('.block')];
  for (const block of blocks.slice(0, -kept)) block.remove();
}

async function examine(session, page, where) {
  const result = await page.evaluate((values) => globalThis.axe.run({ runOnly: { type: 'tag', values } }), RULES);
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

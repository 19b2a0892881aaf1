// A link to lines leads to them: in a profile of its own, without scripts.

import { run } from './harness.mjs';

await run(async (session) => {
  const { task, from, to } = session.plan;
  const page = await session.page({ javaScriptEnabled: false });
  await page.goto(session.url(`/${task}/output?lines=${from}-${to}#L${from}-L${to}`));
  for (const number of [from, to]) {
    const box = await page.locator(`.marked#L${number}`).boundingBox();
    session.check(box !== null && box.y >= 0 && box.y + box.height <= 800, `line ${number} is not in sight`);
  }
  const marked = await page.locator('.marked').count();
  session.check(marked === to - from + 1, `${marked} lines are marked`);
});

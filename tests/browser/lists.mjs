// In the list of all tasks, jobs are unfolded below the task that launched them, also with the keyboard, with scripts off,
// and while the page is kept from changing by itself. What is unfolded stands in the address; columns sort; searches complete.

import { run } from './harness.mjs';

const BELOW = 'tr.depth-1';

await run(async (session) => {
  const { parent, jobs } = session.plan;
  const page = await session.page();
  await page.goto(session.url('/tasks'));
  const fold = page.locator(`a[id="fold-${parent}"]`);
  session.check((await fold.getAttribute('aria-expanded')) === 'false', 'the jobs are unfolded from the beginning');
  session.check((await page.locator(BELOW).count()) === 0, 'there are jobs below a task that is not unfolded');

  await fold.focus();
  await page.keyboard.press('Enter');
  await isUnfolded(session, page, 'Enter');
  await page.waitForFunction(() => location.search.includes('open='));
  const focused = await page.evaluate(() => document.activeElement.id);
  session.check(focused === `fold-${parent}`, `after unfolding, the focus is on ${focused || 'nothing'}`);
  session.check((await fold.getAttribute('aria-expanded')) === 'true', 'it is not said that it is unfolded');
  await page.waitForResponse((response) => response.url().includes('open='), { timeout: 20_000 });
  await isUnfolded(session, page, 'an update');
  await page.reload();
  await isUnfolded(session, page, 'a reload');
  await page.keyboard.press('Tab');
  await fold.press('Enter');
  await page.locator(BELOW).first().waitFor({ state: 'detached' });
  session.check(!page.url().includes('open='), 'what is folded up again stands in the address');

  await page.getByRole('button', { name: 'Pause updates' }).click();
  await page.locator('summary').first().click();
  await fold.click();
  await isUnfolded(session, page, 'a click while updates pause');

  await completes(session, page);
  await withoutScripts(session, parent, jobs);
});

/** The search field offers what its last term can go on with, keys as well as names that occur. */
async function completes(session, page) {
  const field = page.locator('#search');
  for (const [typed, offered] of [['host:web* sta', 'host:web* state:'], ['state:fa', 'state:failed'], ['web', 'host:web1.example.org']]) {
    await field.fill('');
    await field.pressSequentially(typed);
    await page.locator(`#search-terms option[value="${offered}"]`).waitFor({ state: 'attached' });
    session.check((await field.inputValue()) === typed, `typing ${typed} made ${await field.inputValue()} of it`);
    const all = await page.locator('#search-terms option').evaluateAll((options) => options.map((option) => option.value));
    session.check(all.every((each) => each.includes(typed)), `of ${all} the browser does not show all for ${typed}`);
  }
}

async function isUnfolded(session, page, after) {
  await page.locator(BELOW).first().waitFor();
  const found = await page.locator(BELOW).count();
  session.check(found === session.plan.jobs.length, `after ${after} there are ${found} jobs below their task`);
}

async function withoutScripts(session, parent, jobs) {
  const page = await session.page({ javaScriptEnabled: false });
  await page.goto(session.url('/tasks'));
  await page.locator(`a[id="fold-${parent}"]`).click();
  await isUnfolded(session, page, 'a click without scripts');
  const seen = await page.locator(`a[id="fold-${parent}"]`).isVisible();
  session.check(seen && page.url().endsWith(`#fold-${parent}`), 'without scripts, one is not led to what was unfolded');

  await page.goto(session.url(`/tasks?q=${encodeURIComponent(`parent:${parent}`)}`));
  await page.getByRole('link', { name: 'Created' }).click();
  const times = await page.locator('tbody td:nth-child(4) time').evaluateAll((all) => all.map((time) => time.dateTime));
  session.check(`${times}` === `${times.toSorted()}`, `sorted by creation, the times are ${times}`);
  const sorted = await page.locator('th[aria-sort=ascending]').innerText();
  session.check(sorted.startsWith('Created'), `the list is sorted by ${sorted}, not by what was pressed`);
  await page.getByRole('link', { name: 'State' }).click();
  await page.locator('th[aria-sort=ascending]', { hasText: 'State' }).waitFor();
  const found = await page.locator('tbody th a').evaluateAll((links) => links.map((link) => link.pathname.split('/').at(-1)));
  session.check(jobs.every((job) => found.includes(job)), `sorted by state, the list has ${found}, not ${jobs}`);
}

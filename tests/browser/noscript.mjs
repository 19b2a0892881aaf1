// With scripts off one can list, filter, search, read output, cancel a task or a step of it, and resume.

import { run } from './harness.mjs';

await run(async (session) => {
  const page = await session.page({ javaScriptEnabled: false });
  await list(session, page);
  await read(session, page);
  await press(session, page, session.plan.running, 'cancel');
  await press(session, page, session.plan.paused, 'resume');
  await cancelStep(session, page);
});

/** The list has the task, a search for its host has it alone, and a search for what is not there says so. */
async function list(session, page) {
  const { list: path, failed, host } = session.plan;
  await page.goto(session.url(path));
  session.check((await taskLinks(page, failed)) > 0, `the list has no link to ${failed}`);
  const field = page.getByRole('searchbox').or(page.locator('input[name=q]')).first();
  await field.fill(`host:${host}`);
  await field.press('Enter');
  await page.waitForURL(/host/);
  session.check((await taskLinks(page, failed)) > 0, `a search for host:${host} does not find ${failed}`);
  session.check((await taskLinks(page, session.plan.running)) === 0, `a search for host:${host} finds another host`);
}

function taskLinks(page, id) {
  return page.locator(`main a[href*="${id}"]`).count();
}

/** What a job has printed stands on its page. */
async function read(session, page) {
  await page.goto(session.url(`/${session.plan.failed}`));
  const text = await page.locator('main').innerText();
  session.check(text.includes(session.plan.printed), `the page of ${session.plan.failed} does not have its output`);
}

/** A deed is asked for, confirmed on a page of its own, and done. */
async function press(session, page, id, what) {
  await page.goto(session.url(`/${id}`));
  await page.locator(`main a[href$="/confirm/${what}"]`).click();
  await page.locator(`main form[action$="/${what}"] button`).click();
  await page.waitForURL((url) => url.pathname.endsWith(id));
  const told = page.locator('main').getByText(new RegExp(`${what}.*, by `));
  for (let reloads = 0; reloads < 20 && (await told.count()) === 0; reloads += 1) await page.reload();
  session.check((await told.count()) > 0, `${what} was pressed, but the task's page does not tell of it`);
}

/** A step that runs has a button in its card, and ends; then there is none any more. */
async function cancelStep(session, page) {
  const { stepwise } = session.plan;
  await page.goto(session.url(`/${stepwise}`));
  const button = page.locator('section.step').getByRole('link', { name: /^Cancel step [0-9]+$/ });
  const what = await button.innerText();
  await button.click();
  session.check((await page.locator('h1').innerText()) === `${what}?`, `${what} is not asked for by its name`);
  await page.getByRole('button', { name: what }).click();
  await page.waitForURL((url) => url.pathname.endsWith(stepwise));
  const over = page.locator('h1 .badge.error');
  for (let reloads = 0; reloads < 60 && (await over.count()) === 0; reloads += 1) {
    await page.waitForTimeout(250);
    await page.reload();
  }
  session.check((await over.count()) > 0, `${what} was pressed, but the job does not end`);
  session.check((await button.count()) === 0, `${what} is still offered after its end`);
  const told = page.locator('main').getByText(new RegExp(`${what.toLowerCase()}, by `));
  session.check((await told.count()) > 0, `${what} was pressed, but the task's page does not tell of it`);
}

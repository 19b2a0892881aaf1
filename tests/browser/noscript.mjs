// With scripts off one can list, filter, search, read output, cancel and resume.

import { run } from './harness.mjs';

await run(async (session) => {
  const page = await session.page({ javaScriptEnabled: false });
  await list(session, page);
  await read(session, page);
  await press(session, page, session.plan.running, 'cancel');
  if (session.plan.paused) await press(session, page, session.plan.paused, 'resume');
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

/** A button does what it says, with a question in between or not. */
async function press(session, page, id, what) {
  await page.goto(session.url(`/${id}`));
  const button = page.locator(`form[action*="${what}"] button, a[href$="/${what}"]`).first();
  await button.click();
  const again = page.locator(`main form[action*="${what}"] button`);
  if (page.url().includes(what) && (await again.count()) > 0) await again.first().click();
  const wanted = what === 'cancel' ? 'stopped' : 'running';
  const deadline = Date.now() + 10_000;
  let state = '';
  while (state !== 'stopped' && state !== wanted && Date.now() < deadline) {
    state = (await (await page.request.get(new URL(`/tasks/${id}/status`, page.url()).href)).json()).state;
  }
  session.check(['stopped', wanted].includes(state), `after ${what} the task is ${state}`);
}

// What happens to a task is seen without reloading: in the list, and on the task's own page, where only its end is read
// out. A reader can make the page stand still, and what has been opened stays open.

import { run } from './harness.mjs';

const CANCELLED = '.badge.cancelled, .badge.error';

await run(async (session) => {
  const { task, host } = session.plan;
  const [list, still, page, reader] = await Promise.all(Array.from({ length: 4 }, () => session.page()));
  const search = `/tasks?q=${encodeURIComponent(`host:${host} state:running`)}`;
  for (const each of [list, still]) await each.goto(session.url(search));
  for (const each of [page, reader]) await each.goto(session.url(`/${task}`));
  const links = (each) => each.locator(`main a[href$="${task}"]`);
  session.check((await links(list).count()) > 0, 'the list does not have the running task');
  await still.getByRole('button', { name: 'Pause updates' }).click();
  await reader.locator('#steps ~ section summary').first().click();
  session.check((await page.locator('#told').textContent()) === '', 'something is read out before anything has happened');

  await page.locator('.log.tail .block > div').first().waitFor();
  const printed = await page.locator('.log.tail .block > div').count();
  await page.waitForFunction((number) => document.querySelectorAll('.log.tail .block > div').length > number, printed);

  await page.request.post(new URL(`/tasks/${task}/cancel`, page.url()).href);
  await page.locator(`h1 ${CANCELLED.replaceAll(', ', ', h1 ')}`).waitFor();
  const told = await page.locator('#told').textContent();
  session.check(told.includes(host), `what is read out at the end is ${JSON.stringify(told)}`);
  await page.locator('#more').getByText(/cancel, by /).waitFor();
  await links(list).first().waitFor({ state: 'detached' });
  session.check((await links(still).count()) > 0, 'a page that was made to stand still has changed');
  await reader.locator(`h1 ${CANCELLED.replaceAll(', ', ', h1 ')}`).waitFor();
  session.check((await reader.locator('details[open]').count()) > 0, 'what somebody has opened was closed');
});

// What happens to a task is seen without reloading: in the list, and on the task's own page, where only its end is read
// out. A reader can make the page stand still, and what has been opened stays open. A page that cannot be kept up to date
// says so.

import { writeFile } from 'node:fs/promises';

import { run } from './harness.mjs';

const CANCELLED = '.badge.cancelled, .badge.error';
const mark = (now) => { now.old = true; };
const commands = (page) => page.locator('#commands code');
const isNew = () => !document.getElementById('now').old;

await run(async (session) => {
  const { task, pausing, host } = session.plan;
  const pages = await Promise.all(Array.from({ length: 7 }, () => session.page()));
  const [list, still, page, reader, selecting, output, pasting] = pages;
  const search = `/tasks?q=${encodeURIComponent(`host:${host} state:running`)}`;
  for (const each of [list, still, selecting]) await each.goto(session.url(search));
  for (const each of [page, reader, pasting]) await each.goto(session.url(`/${task}`));
  await output.goto(session.url(`/${task}/output`));
  const links = (each) => each.locator(`main a[href$="${task}"]`);
  session.check((await links(list).count()) > 0, 'the list does not have the running task');
  await still.getByRole('button', { name: 'Pause updates' }).click();
  await reader.locator('#steps ~ section summary').first().click();
  await pasting.locator('#commands summary').click();
  session.check((await page.locator('#told').textContent()) === '', 'something is read out before anything has happened');

  await page.locator('.log.tail .block > div').first().waitFor();
  const printed = await page.locator('.log.tail .block > div').count();
  await page.waitForFunction((number) => document.querySelectorAll('.log.tail .block > div').length > number, printed);

  await canGoElsewhere(session, still);
  await Promise.all([keepsTheFocus(session, list, links(list).first()), isHeld(session, output)]);
  await selecting.locator('#now th a').first().evaluate((link) => getSelection().selectAllChildren(link));
  await selecting.locator('#now').evaluate(mark);
  await saysThatItIsStale(session, list, output);
  session.check(await selecting.locator('#now').evaluate((now) => now.old), 'what somebody has selected was replaced');

  await pauses(session, pausing);
  await page.request.post(new URL(`/tasks/${task}/cancel`, page.url()).href);
  await page.locator(`h1 ${CANCELLED.replaceAll(', ', ', h1 ')}`).waitFor();
  const told = await page.locator('#told').textContent();
  session.check(told.includes(host), `what is read out at the end is ${JSON.stringify(told)}`);
  await page.locator('#more').getByText(/cancel, by /).waitFor();
  await links(list).first().waitFor({ state: 'detached' });
  for (const each of [page, output]) await saysHowItEnded(session, each);
  session.check((await links(still).count()) > 0, 'a page that was made to stand still has changed');
  await reader.locator(`h1 ${CANCELLED.replaceAll(', ', ', h1 ')}`).waitFor();
  session.check((await reader.locator('details[open]').count()) > 0, 'what somebody has opened was closed');
  session.check((await reader.getByText(/cancel, by /).count()) === 0, 'what is around something that is open was replaced');
  await reader.locator('details[open] summary').click();
  await reader.locator('#more').getByText(/cancel, by /).waitFor();
  await offersNothing(session, page);
  await pasting.locator('#more').getByText(/cancel, by /).waitFor();
  session.check(await pasting.locator('#copy-curl-1').isVisible(), 'commands that somebody has unfolded were folded up');
  await pasting.locator('#commands summary').click();
  await offersNothing(session, pasting);
});

/** A task that is over is not cancelled from the command line either; what is left can be copied. */
async function offersNothing(session, page) {
  await commands(page).filter({ hasText: /tasks cancel|tasks halt/ }).first().waitFor({ state: 'detached' });
  const copy = page.locator('#commands button').first();
  await copy.click();
  session.check((await copy.textContent()) === 'Copied', 'a command that came later cannot be copied');
}

/** A task that pauses offers what can be decided, in buttons and in commands. */
async function pauses(session, task) {
  const page = await session.page();
  await page.goto(session.url(`/${task}`));
  session.check((await commands(page).filter({ hasText: 'tasks resume' }).count()) === 0, 'a running task can be resumed');
  await page.request.post(new URL(`/api/tasks/${task}/force-cancel`, page.url()).href);
  await page.getByRole('link', { name: 'Resume', exact: true }).waitFor();
  await page.locator('#more').getByRole('link', { name: 'Skip step 2' }).waitFor();
  for (const words of [/tasks resume/, /tasks skip --step 2/]) await commands(page).filter({ hasText: words }).first().waitFor();
}

/** What says that a task is running says afterwards what has become of it, and nothing is left to be made to stand still. */
async function saysHowItEnded(session, page) {
  await page.locator('.following').getByText(/^The task is over\. .*cancelled/i).waitFor();
  await page.locator(`h1 ${CANCELLED.replaceAll(', ', ', h1 ')}`).waitFor();
  await page.getByRole('button', { name: 'Pause updates' }).waitFor({ state: 'hidden' });
  const count = page.locator('#count');
  if ((await count.count()) === 0) return;
  const lines = await page.locator('#log .block > div').count();
  session.check((await count.textContent()).trim() === `${lines} lines.`, `${lines} lines are ${await count.textContent()}`);
}

/** A page that stands still can be left as any other. */
async function canGoElsewhere(session, page) {
  await page.keyboard.press('Control+k');
  await page.locator('#palette-places a').first().waitFor();
  await page.keyboard.press('Escape');
  session.check((await page.getByRole('button', { name: 'Pause updates' }).getAttribute('aria-pressed')) === 'true', 'it moves');
}

/** Whoever has come to a link is still there when what is around it has been replaced. */
async function keepsTheFocus(session, page, link) {
  await link.focus();
  const href = await link.getAttribute('href');
  await page.locator('#now').evaluate(mark);
  await page.waitForFunction(isNew);
  const focused = await page.evaluate(() => document.activeElement.getAttribute('href'));
  session.check(focused === href, `the focus was on ${href} and is on ${focused}`);
}

/** Output is held back while somebody wants the page to stand still; afterwards everything is there, once. */
async function isHeld(session, page) {
  const lines = page.locator('#log .block:not(#partial *) > div');
  const more = (number) => page.waitForFunction(
    (wanted) => document.querySelectorAll('#log .block > div').length >= wanted, number);
  await more(3);
  const button = page.getByRole('button', { name: 'Pause updates' });
  await page.waitForFunction(() => {
    const begun = document.querySelector('#partial').textContent;
    if (begun) document.getElementById('pause').click();
    return begun;
  });
  const before = await page.locator('#log').textContent();
  await writeFile(session.plan.quiet, '');
  await page.waitForTimeout(2500);
  session.check((await page.locator('#log').textContent()) === before, 'output comes while it is to stand still');
  await button.click();
  await lines.last().getByText('no more').waitFor();
  session.check((await page.locator('#partial').textContent()) === '', 'a line that has ended is there twice');
  const seen = (await lines.allTextContents()).map((text) => /line (\d+) end/.exec(text)?.[1]).slice(0, -1);
  const wrong = seen.findIndex((number, index) => number !== String(index + 1));
  session.check(wrong < 0, `after standing still, the output has ${seen}`);
}

/**
 * A page whose service does not answer, or not as it should, says since when it is as it was: one that asks again and
 * again, and one that only has what is sent to it.
 */
async function saysThatItIsStale(session, page, streamed) {
  session.expectsCuts = true;
  const stale = (on, words) => on.waitForFunction(
    (wanted) => new RegExp(wanted).test(document.getElementById('stale').textContent), words);
  for (const each of [page, streamed]) {
    await each.context().setOffline(true);
    const button = each.getByRole('button', { name: 'Pause updates' });
    // Being offline does not end a stream that is open; one that was held is opened anew
    for (let presses = 2; presses > 0; presses -= 1) await button.click();
    await stale(each, '^Not updated since \\d\\d:\\d\\d:\\d\\d UTC: the service does not answer.$');
    session.check(await each.locator('#stale').isVisible(), `that ${each.url()} is not up to date cannot be seen`);
    await each.context().setOffline(false);
    await stale(each, '^$');
  }
  await page.route('**/tasks?*', (route) => route.fulfill({ status: 403, contentType: 'text/html', body: 'no' }));
  await stale(page, 'the service says 403.$');
  await page.unroute('**/tasks?*');
  await stale(page, '^$');
  session.expectsCuts = false;
}

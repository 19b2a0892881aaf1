// With scripts off one can list, filter, search, read output, search and save it, cancel one or many or one step, and
// resume.

import { run } from './harness.mjs';

await run(async (session) => {
  const page = await session.page({ javaScriptEnabled: false });
  await list(session, page);
  await read(session, page);
  await output(session, page);
  await cancelAll(session, page);
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

/** All of the output stands on a page of its own; lines of it are searched, pointed at, and had as files. */
async function output(session, page) {
  const { failed, printed } = session.plan;
  const path = `/${failed}/output`;
  await page.goto(session.url(path));
  session.check((await page.locator('#log').innerText()).includes(printed), `${path} does not have the output`);
  const log = page.locator('.log');
  await page.getByLabel('Search', { exact: true }).fill(printed.toUpperCase().slice(1));
  await page.getByRole('button', { name: 'Find' }).click();
  session.check((await page.getByText('No line matches').count()) === 1, 'capitals are found although they are not there');
  await page.getByLabel('Search', { exact: true }).fill(`^.?${printed.slice(1)}`);
  await page.getByRole('button', { name: 'Find' }).click();
  session.check((await log.locator('.marked').first().innerText()).includes(printed), `${page.url()} does not show ${printed}`);
  await page.getByRole('link', { name: /in (its|their) place/ }).first().click();
  session.check((await log.innerText()).includes(printed), `${page.url()} does not have what was found`);
  await page.getByLabel('Go to lines').fill('1-2');
  await page.getByRole('button', { name: 'Go', exact: true }).click();
  const marked = await page.locator('.marked').evaluateAll((all) => all.map(({ id }) => id));
  session.check(`${marked}` === 'L1,L2', `after going to lines 1 to 2, ${marked} are marked`);
  await files(session, page, [printed, '']);
  await farDown(session, page);
}

/** Lines far down in a long output are led to, with their times if those were there before. */
async function farDown(session, page) {
  await page.goto(session.url(`/${session.plan.long}/output?times=1`));
  await page.getByLabel('Go to lines').fill('2000-2002');
  await page.getByRole('button', { name: 'Go', exact: true }).click();
  await page.waitForURL(/lines=2000-2002.*#L2000-L2002$/);
  const line = page.locator('#L2001');
  const { y, height } = await line.boundingBox();
  const inSight = y >= 0 && y + height <= page.viewportSize().height;
  session.check(inSight, `after going to lines 2000 to 2002, line 2001 is at ${y} px`);
  session.check((await line.locator('time').count()) === 1, 'after going to lines there are no times any more');
}

/** Each file that is offered is one, with all lines or those that are pointed at. */
async function files(session, page, words) {
  const offered = await page.locator('main a[download]').evaluateAll((links) => links.map(({ href }) => href));
  session.check(offered.length === 6, `${offered.length} files are offered`);
  for (const [index, href] of offered.entries()) {
    const answer = await page.request.get(href);
    const attached = answer.headers()['content-disposition']?.startsWith('attachment');
    session.check(answer.ok() && attached, `${href} is no file: ${answer.status()}`);
    session.check((await answer.text()).includes(words[Math.floor(index / 3)]), `${href} does not have what was printed`);
  }
}

/** All that a search finds is cancelled: asked for with how many there are, then its progress is shown. */
async function cancelAll(session, page) {
  await page.goto(session.url(`/tasks?q=parent:${session.plan.parent}`));
  const summary = page.getByText('Do something to all that this finds');
  await summary.click();
  await summary.locator('..').getByRole('button', { name: /Cancel/i }).click();
  await page.getByRole('heading', { name: 'Cancel 2 tasks?' }).waitFor();
  await page.getByRole('button', { name: 'Cancel 2 tasks' }).click();
  await page.waitForURL(/\/bulk\//);
  const again = page.getByRole('link', { name: 'How far is it now?' });
  for (let asked = 0; asked < 100 && (await again.count()) > 0; asked += 1) {
    await page.waitForTimeout(100);
    await again.click();
  }
  const told = await page.locator('#now').innerText();
  session.check(told.includes('2 of 2'), `after both were cancelled, the page says ${JSON.stringify(told)}`);
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
  const over = page.locator('h1 .badge.cancelled');
  for (let reloads = 0; reloads < 60 && (await over.count()) === 0; reloads += 1) {
    await page.waitForTimeout(250);
    await page.reload();
  }
  session.check((await over.count()) > 0, `${what} was pressed, but the job does not end`);
  session.check((await button.count()) === 0, `${what} is still offered after its end`);
  const told = page.locator('main').getByText(new RegExp(`${what.toLowerCase()}, by `));
  session.check((await told.count()) > 0, `${what} was pressed, but the task's page does not tell of it`);
}

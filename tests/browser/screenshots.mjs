// The pictures of the documentation.

import { run } from './harness.mjs';

const DESK = { width: 1280, height: 800 };
const TELEPHONE = { width: 390, height: 844 };

await run(async (session) => {
  const { tasks, folder } = session.plan;
  // The one that waits does not do so for ever
  const pictures = [
    ['waiting-task', `/${tasks.slow}`],
    ['home', '/'],
    ['tasks', `/tasks?open=${tasks.batch}`],
    ['failed-task', `/${tasks.failed}`],
    ['running-task', `/${tasks.running}`],
    ['output', `/${tasks.running}/output`],
    ['search', `/${tasks.failed}/output?q=restarting|refused`],
    ['host', '/host?name=web1.example.org'],
    ['batch', `/batches/${tasks.batch}`],
    ['status', '/status'],
    ['audit', '/audit'],
    ['home-dark', '/', { colorScheme: 'dark' }],
    ['task-dark', `/${tasks['changed host key']}`, { colorScheme: 'dark' }],
    ['task-narrow', `/${tasks.failed}`, { viewport: TELEPHONE }],
    ...(session.plan.more ?? []),
  ];
  for (const [name, path, options] of pictures) {
    const page = await session.page({ viewport: DESK, colorScheme: 'light', reducedMotion: 'reduce', ...options });
    await page.goto(session.url(path));
    await page.locator('main h1').waitFor();
    await page.screenshot({ path: `${folder}/${name}.png`, fullPage: options?.fullPage ?? false });
    session.checks += 1;
    await page.context().close();
  }
});

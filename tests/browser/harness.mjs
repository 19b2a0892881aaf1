// What every script here begins with: the plan it was given, a browser, pages that are watched, and its findings.
//
// The plan is a JSON file (the only argument). What was found wrong goes to stdout as JSON, one object.

import { readFile } from 'node:fs/promises';

import { chromium } from 'playwright-core';

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const LIMIT = 240;

/**
 * Run `body` with a session and report what it found.
 *
 * @param {(session: Session) => Promise<void>} body
 */
export async function run(body) {
  const plan = JSON.parse(await readFile(process.argv[2], 'utf8'));
  const browser = await chromium.launch({ executablePath: plan.chromium, args: FLAGS });
  const session = new Session(browser, plan);
  const limit = plan.limit ?? LIMIT;
  const late = setTimeout(() => report(session, [`not done after ${limit} s`]), limit * 1000);
  try {
    await body(session);
  } catch (error) {
    session.found(`the script ended early: ${error.stack}`);
  }
  clearTimeout(late);
  await browser.close();
  report(session, []);
}

function report(session, more) {
  const { checks, findings, measured } = session;
  process.stdout.write(`${JSON.stringify({ checks, findings: [...findings, ...more], measured })}\n`, () => process.exit());
}

class Session {
  #origins;

  /**
   * @param plan what the test wants tried: `console` is the URL of the console, `others` are those of further ones that
   *   are visited, the rest is the script's own.
   */
  constructor(browser, plan) {
    this.browser = browser;
    this.plan = plan;
    this.checks = 0;
    this.findings = [];
    this.measured = {};
    /** Are connections cut on purpose? Then what Chromium and htmx note of that is no finding. */
    this.expectsCuts = false;
    this.#origins = new Set([plan.console, ...(plan.others ?? [])].map((url) => new URL(url).origin));
  }

  /** From now on the console is reached on another way, whose connections are cut. */
  reroute(url) {
    this.plan.console = url;
    this.#origins.add(new URL(url).origin);
    this.expectsCuts = true;
  }

  /** Remember that something is wrong. */
  found(text) {
    this.findings.push(text);
  }

  /** Something must be so; `text` says what is wrong if it is not. */
  check(good, text) {
    this.checks += 1;
    if (!good) this.found(text);
  }

  /** The address of a page of the console. */
  url(path) {
    return `${this.plan.console}${path}`;
  }

  /**
   * A page in a profile of its own, whose troubles become findings: dialogs, errors of scripts, violations of the
   * content security policy, requests that fail or go elsewhere.
   *
   * @param options of Playwright's newContext.
   */
  async page(options = {}) {
    const context = await this.browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
    context.setDefaultTimeout(30_000);
    const page = await context.newPage();
    this.watch(page);
    return page;
  }

  watch(page) {
    page.on('dialog', async (dialog) => {
      this.found(`${page.url()}: a dialog: ${dialog.message()}`);
      await dialog.dismiss();
    });
    page.on('pageerror', (error) => this.found(`${page.url()}: ${error}`));
    page.on('console', (message) => {
      // A page that says that something does not exist is an answer of 404, which Chromium notes too
      const ofItself = message.location().url === page.url();
      const ofCut = this.expectsCuts && /net::ERR_|htmx:|Response Status Error/.test(message.text());
      if (message.type() === 'error' && !ofItself && !ofCut) this.found(`${page.url()}: on its console: ${message.text()}`);
    });
    page.on('request', (request) => {
      if (!this.#origins.has(new URL(request.url()).origin)) this.found(`${page.url()} asks for ${request.url()}`);
    });
    page.on('popup', (popup) => this.found(`${page.url()} opens ${popup.url()}`));
    page.on('download', (download) => this.found(`${page.url()} downloads ${download.url()}`));
  }
}

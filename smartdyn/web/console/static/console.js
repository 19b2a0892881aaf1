// Comfort only: everything here has a way without scripts.
"use strict";

// htmx looks at every element for attributes of hx-on, which these pages cannot have (their policy forbids scripts in
// attributes); with hundreds of thousands of lines that takes it a second. Nothing else here uses XPath.
XPathExpression.prototype.evaluate = () => ({ iterateNext: () => null });

// Whoever reads may want the page to stand still (WCAG 2.2, 2.2.2).
const pause = document.getElementById("pause");
const paused = () => pause?.getAttribute("aria-pressed") === "true";
pause?.addEventListener("click", () => pause.setAttribute("aria-pressed", String(!paused())));

// A stream that had to be opened anew goes on where the last one ended: the browser only remembers that by itself as
// long as it was not turned away.
const reached = new Map();
const opened = new Set();
let left = false;
addEventListener("pagehide", () => { left = true; });
addEventListener("pageshow", () => { left = false; });

/** An EventSource that can be held: what comes meanwhile is sent when it goes on. */
class Stream {
  #url;
  #source = null;
  #listeners = [];
  #over = false;
  onopen = null;
  onerror = null;

  constructor(url) {
    this.#url = url;
    if (!paused()) this.#open();
    pause?.addEventListener("click", () => {
      if (paused()) this.#hold();
      else if (!this.#source && !this.#over) this.#open();
    });
  }

  #open() {
    const from = new URL(this.#url, location.href);
    if (reached.has(this.#url)) from.searchParams.set("after", reached.get(this.#url));
    const source = this.#source = new EventSource(from, { withCredentials: true });
    source.addEventListener("lines", (event) => reached.set(this.#url, event.lastEventId));
    source.addEventListener("open", (event) => {
      answered("stream");
      // A line that had not ended may be among those that come now
      if (opened.has(this.#url)) document.querySelector("[sse-swap=partial]")?.replaceChildren();
      opened.add(this.#url);
      this.onopen?.(event);
    });
    // Of a connection that the browser itself opens again, the extension need not know; that of a page which is left
    // ends without anything being wrong, and is opened again if somebody comes back to the page
    source.addEventListener("error", (event) => {
      if (!left) unanswered("stream");
      if (source.readyState !== EventSource.CLOSED) return;
      if (left) addEventListener("pageshow", () => this.onerror(event), { once: true });
      else this.onerror(event);
    });
    for (const listener of this.#listeners) source.addEventListener(...listener);
  }

  #hold() {
    if (this.readyState === EventSource.CLOSED) return;
    this.#source?.close();
    this.#source = null;
  }

  get readyState() { return this.#source ? this.#source.readyState : EventSource.CONNECTING; }
  addEventListener(...listener) {
    this.#listeners.push(listener);
    this.#source?.addEventListener(...listener);
  }
  removeEventListener(type, listener) {
    this.#listeners = this.#listeners.filter((other) => other[0] !== type || other[1] !== listener);
    this.#source?.removeEventListener(type, listener);
  }
  close() {
    this.#over = true;
    this.#source?.close();
  }
}
htmx.createEventSource = (url) => new Stream(url);

// A page that cannot be kept up to date says so, until it is again.
const stale = document.getElementById("stale");
const polls = (element) => element.hasAttribute("data-polled");
const LATE = 15000;
let fresh = new Date();
/** What keeps this page up to date: polling, or on pages without it the stream. */
const keeps = (by) => by === (document.querySelector("[data-polled]") ? "polling" : "stream");
function answered(by) {
  if (!keeps(by)) return;
  fresh = new Date();
  stale.textContent = "";
}
function unanswered(by, why = "the service does not answer") {
  if (!keeps(by)) return;
  if (by === "stream" && !stale.textContent) fresh = new Date();
  const text = `Not updated since ${fresh.toISOString().slice(11, 19)} UTC: ${why}.`;
  if (stale.textContent !== text) stale.textContent = text;
}
document.addEventListener("htmx:configRequest", ({ detail }) => { if (polls(detail.elt)) detail.timeout = LATE; });
document.addEventListener("htmx:beforeOnLoad", ({ detail: { elt, xhr } }) => {
  if (!polls(elt)) return;
  if (xhr.status < 400) answered("polling");
  else unanswered("polling", xhr.status < 500 ? `the service says ${xhr.status}` : undefined);
});
// What is unfolded stands in the address, for a reload and for others. A link that could not be followed here is followed
// as any other, and so is one that is to open elsewhere.
document.addEventListener("htmx:afterRequest", ({ detail: { requestConfig: { elt }, successful } }) => {
  if (!elt.hasAttribute("data-stays")) return;
  if (successful) history.replaceState(null, "", elt.getAttribute("hx-get"));
  else location.assign(elt.href);
});
document.addEventListener("click", (event) => {
  const elsewhere = event.ctrlKey || event.metaKey || event.shiftKey;
  if (elsewhere && event.target.closest("[data-stays]")) event.stopPropagation();
}, true);
for (const failure of ["htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(failure, ({ detail }) => { if (polls(detail.elt) && !left) unanswered("polling"); });
}

// What polling finds unchanged is not swapped, nor anything that somebody is just using. The focus stays where it is.
const shown = new WeakMap();
const inUse = (target) => target.querySelector("details[open]")
  || target.contains(document.activeElement?.closest("input, select, textarea"))
  || (!getSelection().isCollapsed && getSelection().containsNode(target, true));
let giveBack = null;
function keepFocus(target) {
  const element = document.activeElement;
  if (!target.contains(element)) return;
  const name = (one) => one.id || one.getAttribute("href") || one.getAttribute("aria-label") || one.textContent;
  const alike = () => [...document.getElementById(target.id).querySelectorAll(element.tagName)]
    .filter((one) => name(one) === name(element));
  const place = alike().indexOf(element);
  giveBack = () => alike().at(place)?.focus({ preventScroll: true });
}
function restoreFocus() {
  if (!giveBack || document.activeElement !== document.body) return;
  giveBack();
  giveBack = null;
}
document.addEventListener("htmx:beforeSwap", (event) => {
  const { target, xhr, requestConfig } = event.detail;
  if (!polls(target)) return;
  giveBack = null;
  if (requestConfig.elt !== target) return;
  if (paused() || inUse(target) || shown.get(document.body) === xhr.responseText) event.detail.shouldSwap = false;
  else if (event.detail.shouldSwap) {
    shown.set(document.body, xhr.responseText);
    keepFocus(target);
  }
});
document.addEventListener("htmx:oobBeforeSwap", (event) => {
  const { target } = event.detail;
  missed.delete(target);
  if (!inUse(target)) return keepFocus(target);
  missed.add(target);
  event.detail.shouldSwap = false;
  // It is swapped as soon as nobody uses it, though nothing may have changed since
  shown.delete(document.body);
});
// What was in use when a task ended, after which nothing is polled, is brought up to date when it is no longer
const missed = new Set();
for (const change of ["toggle", "selectionchange"]) {
  document.addEventListener(change, () => {
    if (document.querySelector("[data-polled]")) return;
    for (const part of [...missed].filter((each) => !inUse(each))) {
      missed.delete(part);
      htmx.ajax("GET", location.href, { source: part, target: part, select: `#${part.id}`, swap: "outerHTML" });
    }
  }, true);
}
for (const swapped of ["htmx:afterSwap", "htmx:oobAfterSwap"]) document.addEventListener(swapped, restoreFocus);

// Only what a task has come to is read out, not each second that it takes.
const told = document.getElementById("told");
const state = () => document.querySelector("[data-tell]")?.dataset.tell;
let last = state();
document.addEventListener("htmx:afterSwap", () => {
  if (!told || state() === last) return;
  last = state();
  told.textContent = last;
});

// What does not change any more need not be made to stand still.
const offerPause = () => { if (pause) pause.hidden = !document.querySelector("[data-polled], [sse-connect]"); };
offerPause();
document.addEventListener("htmx:beforeRequest", (event) => {
  if (paused() && polls(event.detail.elt)) event.preventDefault();
});
document.addEventListener("htmx:afterSwap", offerPause);
document.addEventListener("htmx:sseClose", ({ target, detail }) => {
  if (detail.type !== "message") return;
  target.removeAttribute("sse-connect");
  offerPause();
});

// The output of a task, or its end on the task's page; output.js has the rest of it.
const log = document.getElementById("log");
const end = document.querySelector(".log.tail");
const scroller = end || document.documentElement;
const toEnd = () => { scroller.scrollTop = scroller.scrollHeight; };

// Texts to copy are in the page; the button spares selecting them. It works without TLS, where there is no clipboard API.
document.addEventListener("htmx:load", ({ detail }) => {
  for (const button of detail.elt.querySelectorAll("button[data-copy]")) button.hidden = false;
});
document.addEventListener("click", ({ target: button }) => {
  if (!button.matches("button[data-copy]")) return;
  getSelection().selectAllChildren(document.getElementById(button.dataset.copy));
  document.execCommand("copy");
  button.textContent = "Copied";
});

for (const box of document.querySelectorAll("input[data-all]")) {
  box.hidden = false;
  box.addEventListener("change", () => {
    for (const other of document.querySelectorAll(`input[name="${box.dataset.all}"]`)) other.checked = box.checked;
  });
}

// One key is enough, for those who want that (WCAG 2.2, 2.1.4): the box in the list of shortcuts turns them off.
const wanted = document.getElementById("use-shortcuts");
if (wanted) {
  wanted.checked = localStorage.getItem("shortcuts") !== "off";
  wanted.addEventListener("change", () => localStorage.setItem("shortcuts", wanted.checked ? "on" : "off"));
}
// From everywhere to everywhere: the arrows go through what was found, Return takes the first.
const palette = document.getElementById("palette");
const target = document.getElementById("palette-to");
const openPalette = () => { palette.showModal(); target.select(); htmx.trigger(target, "open"); };
palette?.addEventListener("keydown", (event) => {
  const stops = [target, ...palette.querySelectorAll("a")];
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step) stops.at((stops.indexOf(document.activeElement) + step) % stops.length).focus();
  else if (event.key === "Enter" && document.activeElement === target && stops[1]) stops[1].click();
  else return;
  event.preventDefault();
});
const help = document.getElementById("shortcuts");
const keys = { h: "home", t: "tasks", f: "failed", s: "status", a: "audit", o: "output", n: "next", p: "previous" };
addEventListener("keydown", (event) => {
  if (event.key === "k" && (event.ctrlKey || event.metaKey) && palette && !palette.open) {
    event.preventDefault();
    return openPalette();
  }
  const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
  if (typing || event.ctrlKey || event.metaKey || event.altKey || help?.open || palette?.open) return;
  if (!wanted?.checked && event.key !== "?") return;
  const link = keys[event.key] && document.querySelector(`[data-key="${keys[event.key]}"]`);
  if (event.key === "?" && help) help.showModal();
  else if (event.key === "k" && palette) openPalette();
  else if (event.key === "/") document.getElementById("search")?.focus();
  else if (event.key === "G" && log) toEnd();
  else if (event.key === "g" && log) scrollTo(0, 0);
  else if (link) link.click();
  else return;
  event.preventDefault();
});

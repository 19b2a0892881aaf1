// Output: its colours, how it grows, and how one points at its lines. Comfort only, as in console.js, which comes before.
"use strict";

// Colours that are none of the 256 of the style sheet: the policy forbids styles in the markup, not those that a script
// sets. This comes for the page and for each part that comes later.
function paint(part) {
  for (const { dataset, style } of part.querySelectorAll("[data-color], [data-background]")) {
    style.color = dataset.color ?? "";
    style.backgroundColor = dataset.background ?? "";
  }
}
document.addEventListener("htmx:load", ({ detail }) => paint(detail.elt));

// A reader at the end of the output stays there; the end on a task's page keeps to a few hundred lines.
const LINES = ".block > div";
const KEPT = 500;
const atEnd = () => scroller.clientHeight + scroller.scrollTop >= scroller.scrollHeight - 60;
let follows = false;
if (log || end) {
  document.addEventListener("htmx:sseBeforeMessage", () => { follows = atEnd(); });
  document.addEventListener("htmx:sseMessage", () => {
    for (const line of [...(end?.querySelectorAll(LINES) ?? [])].slice(0, -KEPT)) {
      const block = line.parentElement;
      line.remove();
      if (!block.firstElementChild) block.remove();
    }
    if (log) lighten();
    if (follows) toEnd();
  });
}
if (end) toEnd();

// Very many lines come to a page that is open for long. Those before the last ones become what they are on a page that
// is loaded later (log_html.py): short ones are text in one element with their numbers, others a block that is laid out
// when it is looked at.
const RICH = 10000;
const BLOCK = 500;
const SHORT = 200;
let oldest = 0;
function lighten() {
  const tail = document.getElementById("tail");
  const number = (line) => Number(line?.id.slice(1));
  oldest ||= number(tail.querySelector(LINES));
  const parts = [];
  for (const newest = number(tail.lastElementChild?.lastElementChild); newest - oldest >= RICH + BLOCK; oldest += BLOCK) {
    const lines = Array.from({ length: BLOCK }, (_, index) => document.getElementById(`L${oldest + index}`));
    if (!areUsed(lines)) parts.push(lines);
  }
  parts.forEach(gather);
}
/** Is somebody looking at these lines, or has selected some of them or pointed at them? */
function areUsed(lines) {
  const selection = getSelection();
  const box = (line) => line.getBoundingClientRect();
  const inSight = !follows && box(lines[0]).top < innerHeight && box(lines.at(-1)).bottom > 0;
  return inSight || lines.some((line) => line.matches(".marked")
    || (!selection.isCollapsed && selection.containsNode(line, true)));
}
function gather(lines) {
  const light = lines.every((line) => line.textContent.length < SHORT);
  const block = lines[0].parentElement.cloneNode();
  lines[0].parentElement[lines[0].previousElementSibling ? "after" : "before"](block);
  block.classList.add("full");
  if (light) {
    const timed = lines[0].querySelector("time");
    const beside = (line) => line.id.slice(1) + (timed ? `  ${line.querySelector("time").textContent}` : "");
    block.classList.add("light", ...(timed ? ["timed"] : []));
    block.dataset.numbers = lines.map(beside).join("\n");
  }
  const content = new DocumentFragment();
  for (const line of lines) {
    const before = line.parentElement;
    content.append(...(light ? [...asText(line), "\n"] : [line]));
    if (light) line.remove();
    if (!before.firstChild) before.remove();
  }
  paint(content);
  block.append(content);
}
function asText(line) {
  line.querySelector("time")?.remove();
  line.querySelector("br")?.remove();
  if (!line.className) return line.childNodes;
  const text = document.createElement("span");
  text.className = line.className;
  text.append(...line.childNodes);
  return [text];
}

// A click on a line's number points at it, one with Shift at a range: #L10-L20. The address that is then shown works
// without scripts, too.
const RANGE = /^#L(\d+)(?:-L?(\d+))?$/;
function pointedAt() {
  const range = RANGE.exec(location.hash);
  return range && [Number(range[1]), markable(Number(range[1]), Number(range[2] || range[1]))];
}
const markable = (from, to) => Math.max(from, Math.min(to, from + 10000));
/** Are these lines of the page, each an element of its own? Those of long outputs are not. */
function areElements(from, to) {
  for (let number = from; number <= markable(from, to); number++) {
    if (!document.getElementById("L" + number)) return false;
  }
  return true;
}
function mark() {
  const [from, to] = pointedAt() ?? [];
  if (!from && new URLSearchParams(location.search).has("lines")) return;
  offer(from, from && Math.max(from, Number(RANGE.exec(location.hash)[2] || from)));
  for (const line of document.querySelectorAll(".block > .marked")) line.classList.remove("marked");
  for (let number = from; number <= to; number++) document.getElementById("L" + number)?.classList.add("marked");
}
/** Offer these lines as files, if there are any. */
function offer(from, to) {
  const offered = document.getElementById("download-lines");
  if (!offered) return;
  offered.hidden = !from;
  if (!from) return;
  offered.querySelector(".lines").textContent = `${from} to ${to}`;
  for (const link of offered.querySelectorAll("a")) {
    const url = new URL(link.href);
    url.searchParams.set("from", from);
    url.searchParams.set("to", to);
    link.href = url;
  }
}
function lead() {
  mark();
  const [from, to] = pointedAt() ?? [];
  if (!from) return;
  const start = document.getElementById("L" + from);
  // What the server was asked for already is not there either if it is asked again
  const asked = new URLSearchParams(location.search).get("lines") === span(from, to);
  if (!asked && !areElements(from, to)) location.replace(address(from, to));
  else start?.scrollIntoView({ block: "center" });
}
const span = (from, to) => from === to ? `${from}` : `${from}-${to}`;
function address(from, to, page = location.pathname) {
  const query = new URLSearchParams(location.search);
  for (const name of ["from", "to", "q", "context"]) query.delete(name);
  query.set("lines", span(from, to));
  return `${page}?${query}#L${from}${from === to ? "" : `-L${to}`}`;
}
/** The number of the line whose number is pressed, which is left of the text. */
function pressed({ target, clientX, clientY }) {
  const block = target.closest?.(".block.light");
  if (!block && !target.matches(LINES)) return 0;
  const { left, top, height } = (block ?? target).getBoundingClientRect();
  const { paddingLeft } = getComputedStyle(block ?? target);
  const shift = block ? Math.max(0, log.getBoundingClientRect().left - left) : 0;
  if (clientX - left - shift >= parseFloat(paddingLeft)) return 0;
  if (!block) return Number(target.id.slice(1));
  const numbers = block.dataset.numbers.split("\n");
  return parseInt(numbers[Math.floor((clientY - top) / height * numbers.length)]);
}
// With Shift, a browser selects all up to there
document.addEventListener("mousedown", (event) => {
  if (event.shiftKey && pressed(event)) event.preventDefault();
});
document.addEventListener("click", (event) => {
  const number = pressed(event);
  if (!number) return;
  const elsewhere = event.target.closest("[data-lines]")?.dataset.lines;
  if (elsewhere) return location.assign(address(number, number, elsewhere));
  const [before] = (event.shiftKey && pointedAt()) || [number];
  const [from, to] = [before, number].sort((one, other) => one - other);
  if (!areElements(from, to)) return location.assign(address(from, to));
  history.pushState(null, "", address(from, to));
  mark();
});
if (log) {
  addEventListener("hashchange", lead);
  addEventListener("popstate", lead);
  if (location.hash) lead();
}

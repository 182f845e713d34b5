// The operations page: fetches itself again when something happened, and posts what a button says. It draws nothing of
// its own: there is one template, the server's.

import { clock } from "./chart.js";
import { age } from "./figures.js";
import { Stream } from "./stream.js";

const KINDS = ["finding", "incident", "plan", "execution", "abstained", "verdict", "lesson", "feedback", "policy"];
const APPROVALS = ["asked", "agreed", "used", "rejected", "withdrawn", "expired"];
// A storm of events is one fetch; the figures that no event tells of are fetched now and then.
const GATHER_MS = 300;
const IDLE_MS = 10_000;

const board = document.getElementById("ops");
const notice = document.getElementById("notice");
const texts = JSON.parse(document.getElementById("texts").textContent);

let seen = Number(board.dataset.head);
let aheadMs = Number(board.dataset.now) - Date.now();
let state = "connecting";
let due = null;
let idle = null;

function writeTimes() {
  const now = Date.now() + aheadMs;
  for (const cell of board.querySelectorAll("[data-at]")) cell.textContent = age((now - Number(cell.dataset.at)) / 1000);
}

// Times of day come in UTC and are shown in the reader's zone, with the whole date to hover over.
function writeClocks() {
  for (const cell of board.querySelectorAll("[data-clock]")) {
    const ms = Number(cell.dataset.clock);
    cell.textContent = clock(ms / 1000, true);
    cell.title = new Date(ms).toLocaleString();
  }
}

// What has focus and how far the timeline was scrolled survive; nothing else on the board has a state.
function replace(fresh) {
  const active = document.activeElement;
  const mark = active?.dataset?.post ?? active?.getAttribute?.("href");
  const scrolled = board.querySelector(".timeline")?.scrollTop ?? 0;
  board.replaceChildren(...fresh.childNodes);
  Object.assign(board.dataset, fresh.dataset);
  aheadMs = Number(board.dataset.now) - Date.now();
  writeClocks();
  writeTimes();
  const timeline = board.querySelector(".timeline");
  if (timeline) timeline.scrollTop = scrolled;
  if (!mark) return;
  const same = [...board.querySelectorAll("[data-post], a")].find((one) => (one.dataset.post ?? one.getAttribute("href")) === mark);
  same?.focus({ preventScroll: true });
}

async function refresh() {
  clearTimeout(due);
  clearTimeout(idle);
  due = null;
  const answer = await fetch(location.href, { headers: { accept: "text/html" }, cache: "no-store" }).catch(() => null);
  if (answer?.ok) {
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("ops");
    if (fresh) replace(document.adoptNode(fresh));
  }
  idle = setTimeout(() => (document.hidden ? wait() : refresh()), IDLE_MS);
}

const wait = () => { idle = setTimeout(() => (document.hidden ? wait() : refresh()), IDLE_MS); };

function happened(entry) {
  seen = Math.max(seen, entry.seq);
  due ??= setTimeout(refresh, GATHER_MS);
}

function show(text) {
  notice.hidden = !text;
  notice.textContent = text ?? "";
}

async function post(button) {
  if (button.dataset.ask && !confirm(button.dataset.ask)) return;
  button.disabled = true;
  const body = button.dataset.body;
  const headers = body ? { "content-type": "application/json" } : {};
  const answer = await fetch(button.dataset.post, { method: "POST", headers, body }).catch(() => null);
  if (answer?.ok) {
    show(texts[`notice_${state}`]);
  } else {
    const problem = await answer?.json().catch(() => null);
    show(`${texts.notice_refused} ${problem?.detail ?? answer?.status ?? texts.notice_down}`);
  }
  await refresh();
}

board.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-post]");
  if (button) post(button);
  const link = event.target.closest('a[href^="?incident="]');
  if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  history.pushState(null, "", link.getAttribute("href"));
  refresh().then(() => {
    const shown = board.querySelector(".shown");
    // On a narrow screen the incident stands below the list.
    if (shown.getBoundingClientRect().top > innerHeight - 80) shown.scrollIntoView();
  });
});
addEventListener("popstate", refresh);

function showState(next) {
  if (next === state) return;
  const before = state;
  state = next;
  const link = document.getElementById("link");
  link.dataset.state = state;
  link.firstElementChild.textContent = texts[`link_${state}`];
  show(texts[`notice_${state}`]);
  document.body.classList.toggle("frozen", Boolean(texts[`notice_${state}`]));
  if (state === "live" && before !== "connecting") refresh();
}

writeClocks();
setInterval(writeTimes, 1000);
wait();
new Stream({
  address: () => `/api/ops/stream?after=${seen}`,
  probe: "/api/ops/status",
  on: Object.fromEntries([...KINDS.map((kind) => `ops.${kind}`), ...APPROVALS.map((end) => `approval.${end}`), "action.applied", "action.failed", "action.undone"].map((kind) => [kind, happened])),
  onState: showState,
  silentMs: Infinity,
}).open();

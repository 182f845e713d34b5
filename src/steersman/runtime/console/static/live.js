// The live page: keeps the columns of the last minutes, feeds the charts, and writes the newest figures.

import { clock } from "./chart.js";
import { age, bytes, percent, rate } from "./figures.js";
import { Stream } from "./stream.js";

const FORMATS = { bytes, percent, rate };
const KEEP_SECONDS = 600;
const WINDOWS = [60, 120, 300, KEEP_SECONDS];
// Readings come every 2 or 5 seconds; a longer silence is a gap, and a line must not bridge it.
const GAP_SECONDS = 15;
const MIB = 2 ** 20;

const given = JSON.parse(document.getElementById("history").textContent);
const texts = JSON.parse(document.getElementById("texts").textContent);
const names = Object.keys(given.columns).filter((name) => name !== "t");
const history = { t: [] };
for (const name of names) history[name] = [];

const CHARTS = {
  cpu: {
    unit: "%",
    max: 100,
    stacked: true,
    series: [
      { name: "user", color: "a", fill: "a-fill" },
      { name: "system", color: "b", fill: "b-fill" },
      { name: "iowait", color: "c", fill: "c-fill" },
      { name: "other", color: "d", fill: "d-fill" },
    ],
  },
  memory: {
    unit: "",
    max: given.memory_total,
    series: [
      { name: "memory_used", color: "a", fill: "a-fill" },
      { name: "memory_cached", color: "b" },
      { name: "memory_available", color: "f", dash: [5, 4] },
    ],
  },
  disk: {
    unit: "/s",
    floor: 65536,
    series: [
      { name: "read", color: "a", fill: "a-veil" },
      { name: "write", color: "b", fill: "b-veil" },
    ],
  },
  network: {
    unit: "/s",
    floor: 65536,
    series: [
      { name: "receive", color: "a", fill: "a-veil" },
      { name: "send", color: "b", fill: "b-veil" },
    ],
  },
};
const FORMAT_OF = Object.fromEntries(names.map((name) => [name, percent]));
for (const name of names) {
  if (name.startsWith("memory")) FORMAT_OF[name] = bytes;
  else if (["read", "write", "receive", "send"].includes(name)) FORMAT_OF[name] = rate;
}

// The server's clock, so that ages are right on a browser whose own clock is not.
let aheadMs = given.now - Date.now();
let cursor = null;

const last = () => history.t.length - 1;
const push = (time, pick) => {
  history.t.push(time);
  for (const name of names) history[name].push(pick(name));
};

// Times come as a first one and steps, memory in MiB; here they are seconds and bytes.
function append(columns) {
  let ms = 0;
  columns.t.forEach((step, at) => {
    ms += step;
    const time = ms / 1000;
    const before = history.t[last()];
    if (time <= before) return;
    if (time - before > GAP_SECONDS) push(before + 1, () => null);
    push(time, (name) => columns[name][at] * (name.startsWith("memory") ? MIB : 1));
  });
  const old = history.t.findIndex((time) => time >= history.t[last()] - KEEP_SECONDS);
  if (old > 0) for (const column of Object.values(history)) column.splice(0, old);
}

const charts = [...document.querySelectorAll("live-chart")];

function setUpCharts() {
  for (const chart of charts) {
    chart.configure(CHARTS[chart.getAttribute("kind")], {
      labels: texts,
      write: (name, at) => FORMAT_OF[name](history[name][at]),
      onCursor: (at) => {
        if (at === cursor) return;
        cursor = at;
        writeLegends();
      },
    });
  }
}

function drawCharts() {
  const to = history.t[last()] ?? given.now / 1000;
  const wide = WINDOWS.find((seconds) => to - (history.t[0] ?? to) <= seconds) ?? KEEP_SECONDS;
  for (const chart of charts) chart.draw(history, [to - wide, to]);
}

// Legends show the newest reading, or the one under the pointer, on every chart at once.
function writeLegends() {
  if (last() < 0) return;
  const at = cursor ?? last();
  for (const cell of document.querySelectorAll("[data-at-cursor]")) {
    cell.textContent = FORMATS[cell.dataset.format](history[cell.dataset.atCursor][at]);
  }
  document.getElementById("when").textContent = cursor === null ? "" : clock(history.t[at], true);
}

function writeNewest() {
  const at = last();
  const newest = { busy: history.user[at] + history.system[at] + history.other[at], memory_used: history.memory_used[at] };
  for (const cell of document.querySelectorAll("[data-value]")) {
    cell.textContent = FORMATS[cell.dataset.format](newest[cell.dataset.value]);
  }
}

function writeCores(cores) {
  document.querySelectorAll("#cores g").forEach((core, at) => {
    const share = cores[at] ?? 0;
    const height = Math.max(share * 0.16, 0.6);
    const bar = core.querySelector(".bar");
    bar.setAttribute("height", height);
    bar.setAttribute("y", 16 - height);
    core.querySelector("title").textContent = `${texts.core.replace("{number}", at)} · ${percent(share)}`;
  });
}

function writeAges() {
  const now = Date.now() + aheadMs;
  for (const cell of document.querySelectorAll("[data-at]")) {
    cell.textContent = age((now - Number(cell.dataset.at)) / 1000);
  }
}

function takeReadings({ columns, cores, memory_total: memoryTotal, load }) {
  CHARTS.memory.max = memoryTotal;
  append(columns);
  writeNewest();
  writeLegends();
  writeCores(cores);
  document.getElementById("link").title = clock(history.t[last()], true);
  document.querySelector("[data-load]").textContent = load.map((value) => value.toFixed(2)).join(" ");
  drawCharts();
}

function takeBoard({ now, parts }) {
  aheadMs = now - Date.now();
  for (const [id, html] of Object.entries(parts)) {
    document.getElementById(id).innerHTML = html;
  }
  writeAges();
}

let state = "connecting";
function showState(next) {
  if (next === state) return;
  state = next;
  const link = document.getElementById("link");
  link.dataset.state = state;
  link.firstElementChild.textContent = texts[`link_${state}`];
  const notice = document.getElementById("notice");
  const text = texts[`notice_${state}`];
  const since = history.t[last()] ?? Date.now() / 1000;
  notice.hidden = !text;
  notice.textContent = text?.replace("{time}", clock(since, true)) ?? "";
  document.body.classList.toggle("frozen", Boolean(text));
}

for (const place of document.querySelectorAll("[data-origin]")) place.textContent = location.origin;
append(given.columns);
setUpCharts();
drawCharts();
setInterval(writeAges, 1000);
new Stream({
  address: () => `/api/telemetry/live/stream?since=${Math.round((history.t[last()] ?? 0) * 1000)}`,
  probe: "/api/telemetry/overview",
  on: { readings: takeReadings, board: takeBoard },
  onState: showState,
}).open();

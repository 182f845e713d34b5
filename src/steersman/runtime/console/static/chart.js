// <live-chart>: one uPlot with the console's look. It draws the columns it is given and keeps none of its own.
/* global uPlot */

import { tick } from "./figures.js";

const FONT = '11px system-ui, "Segoe UI", Roboto, "Noto Sans", "Noto Sans CJK SC", sans-serif';
const TIME_STEPS = [5, 10, 15, 30, 60, 120, 300];

const two = (number) => String(number).padStart(2, "0");

export function clock(seconds, withSeconds) {
  const time = new Date(seconds * 1000);
  return `${two(time.getHours())}:${two(time.getMinutes())}${withSeconds ? `:${two(time.getSeconds())}` : ""}`;
}

// The smallest power of two that makes at most four steps up to the greatest value.
function byteStep(greatest) {
  let step = 1;
  while (step * 4 < greatest) step *= 2;
  return step;
}

// spec: {unit, stacked, floor, max, series: [{name, color, fill, dash}]}; `max` fixes the top, `floor` is its least.
export class LiveChart extends HTMLElement {
  #plot = null;
  #spec = null;
  #tip = null;
  #columns = null;
  #window = [0, 1];
  #colors = new Map();

  configure(spec, { onCursor, write, labels }) {
    this.#spec = spec;
    this.#tip = document.createElement("div");
    this.#tip.className = "tip";
    this.#tip.hidden = true;
    this.onCursor = onCursor;
    this.write = write;
    this.labels = labels;
    document.addEventListener("themechange", () => {
      this.#colors.clear();
      this.#plot?.redraw(false);
    });
    this.addEventListener("keydown", (event) => this.#key(event));
    this.addEventListener("blur", () => this.#plot?.setCursor({ left: -10, top: -10 }));
  }

  // columns.t is seconds, the rest by series name; window is [from, to] in seconds.
  draw(columns, window) {
    this.#columns = columns;
    this.#window = window;
    if (this.#plot) {
      this.#plot.setData(this.#rows(), true);
      return;
    }
    this.append(this.#tip);
    this.#plot = new uPlot(this.#options(), this.#rows(), this);
    this.#plot.over.append(this.#tip);
    new ResizeObserver(() => this.#plot.setSize(this.#size())).observe(this);
  }

  // Stacked series are drawn from the top of the pile down, each painting over the one above.
  #rows() {
    const { t } = this.#columns;
    const { series, stacked } = this.#spec;
    if (!stacked) return [t, ...series.map(({ name }) => this.#columns[name])];
    let below = new Array(t.length).fill(0);
    const piles = series.map(({ name }) => {
      const own = this.#columns[name];
      below = own.map((value, at) => (value === null ? null : value + (below[at] ?? 0)));
      return below;
    });
    return [t, ...piles.reverse()];
  }

  #size() {
    return { width: this.clientWidth, height: this.clientHeight };
  }

  #color(name) {
    if (!this.#colors.has(name)) {
      // A canvas does not know light-dark(): a style has to resolve it first.
      this.#tip.style.color = `var(--${name})`;
      this.#colors.set(name, getComputedStyle(this.#tip).color);
      this.#tip.style.color = "";
    }
    return this.#colors.get(name);
  }

  #series() {
    const drawn = this.#spec.series.map(({ name, color, fill, dash }) => ({
      label: this.labels[name],
      stroke: () => this.#color(color),
      fill: fill && (() => this.#color(fill)),
      width: 1.25,
      dash,
      points: { show: (plot, at, from, to) => to - from < 2, size: 4 },
    }));
    return [{}, ...(this.#spec.stacked ? drawn.reverse() : drawn)];
  }

  #top(greatest) {
    const { max, floor = 0 } = this.#spec;
    if (max) return max;
    const least = Math.max(greatest ?? 0, floor) * 1.05;
    const step = byteStep(least);
    return Math.ceil(least / step) * step;
  }

  #splits(top) {
    const step = this.#spec.unit === "%" ? 25 : byteStep(top);
    const below = Array.from({ length: Math.ceil(top / step) }, (_, at) => at * step);
    // A top that is no round number, such as the size of the memory, takes the place of a tick too close below it.
    return [...below.filter((value) => top - value > step * 0.4), top];
  }

  #options() {
    const axis = {
      stroke: () => this.#color("muted"),
      font: FONT,
      grid: { stroke: () => this.#color("grid"), width: 1 },
      ticks: { show: false },
    };
    return {
      ...this.#size(),
      padding: [8, 8, 0, 0],
      drawOrder: ["series", "axes"],
      legend: { show: false },
      cursor: {
        sync: { key: "live" },
        drag: { x: false, y: false },
        y: false,
        points: { size: 7, width: 2, stroke: (plot, at) => plot.series[at].stroke(plot, at), fill: () => this.#color("card") },
      },
      scales: {
        x: { time: true, range: () => this.#window },
        y: { range: (plot, least, greatest) => [0, this.#top(greatest)] },
      },
      axes: [
        {
          ...axis,
          size: 19,
          gap: 4,
          space: 70,
          incrs: TIME_STEPS,
          values: (plot, splits) => splits.map((at) => clock(at, this.#window[1] - this.#window[0] <= 120)),
        },
        {
          ...axis,
          size: 66,
          gap: 6,
          splits: (plot, at, least, greatest) => this.#splits(greatest),
          values: (plot, splits) => splits.map((value) => tick(value, this.#spec.unit)),
        },
      ],
      series: this.#series(),
      hooks: { setCursor: [(plot) => this.#point(plot)] },
    };
  }

  #point(plot) {
    const { left, idx } = plot.cursor;
    const at = left >= 0 && idx !== null && idx !== undefined && this.#columns.t[idx] ? idx : null;
    this.onCursor(at);
    const own = this.matches(":hover, :focus");
    this.#tip.hidden = at === null || !own;
    if (this.#tip.hidden) return;
    this.#tip.replaceChildren(...this.#lines(at));
    const width = this.#tip.offsetWidth;
    const toTheLeft = left + width + 16 > plot.over.clientWidth;
    this.#tip.style.transform = `translateX(${Math.max(toTheLeft ? left - width - 10 : left + 10, 0)}px)`;
  }

  #lines(at) {
    const line = (text, value, key) => {
      const row = document.createElement("div");
      const name = document.createElement("span");
      if (key) name.className = `key key-${key}`;
      name.append(text);
      const figure = document.createElement("b");
      figure.textContent = value;
      row.append(name, figure);
      return row;
    };
    const time = line(clock(this.#columns.t[at], true), "");
    return [time, ...this.#spec.series.map(({ name, color }) => line(this.labels[name], this.write(name, at), color))];
  }

  // Arrow keys walk the readings, as the pointer does.
  #key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!this.#plot || (!step && event.key !== "Escape")) return;
    event.preventDefault();
    if (event.key === "Escape") {
      this.#plot.setCursor({ left: -10, top: -10 });
      return;
    }
    const { t } = this.#columns;
    const from = this.#plot.cursor.left >= 0 ? (this.#plot.cursor.idx ?? t.length) : t.length;
    const at = Math.min(Math.max(from + step, 0), t.length - 1);
    this.#plot.setCursor({ left: this.#plot.valToPos(t[at], "x"), top: 10 });
  }
}

customElements.define("live-chart", LiveChart);

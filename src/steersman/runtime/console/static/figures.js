// How the console writes numbers; the same rules as runtime/console/figures.py, held together by a test.

const BYTE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
const COUNT_UNITS = ["", "k", "M", "G", "T"];
const NOTHING = "–";

const round = (value, digits) => (Math.floor(value * 10 ** digits + 0.5) / 10 ** digits).toFixed(digits);

function scaled(value, base, units) {
  let step = 0;
  while (value >= base * 0.9995 && step < units.length - 1) {
    value /= base;
    step += 1;
  }
  return [round(value, step === 0 || value >= 99.95 ? 0 : 1), units[step]];
}

const known = (write) => (value) => (value === null || value === undefined ? NOTHING : write(value));

export const bytes = known((value) => scaled(value, 1024, BYTE_UNITS).join(" "));
export const rate = known((value) => `${bytes(value)}/s`);
export const percent = known((value) => `${round(value, 1)} %`);
export const count = known((value) => (value < 10000 ? round(value, 0) : scaled(value, 1000, COUNT_UNITS).join(" ")));
export const perSecond = known((value) => `${count(value)}${value < 10000 ? " " : ""}/s`);

export const age = known((seconds) => {
  let whole = Math.max(Math.floor(seconds), 0);
  const parts = [];
  for (const [unit, size] of [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]]) {
    const units = Math.floor(whole / size);
    whole %= size;
    if (units || parts.length || unit === "s") parts.push([units, unit]);
  }
  const shown = parts.slice(0, 2);
  return shown.filter(([units]) => units || shown.length === 1).map(([units, unit]) => `${units} ${unit}`).join(" ");
});

// Axis ticks: whole numbers in the unit of the tick, a bare zero.
export const tick = (value, unit) => (value === 0 ? "0" : unit === "%" ? `${value} %` : `${bytes(value).replace(".0 ", " ")}${unit}`);

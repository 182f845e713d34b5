// A stream of server-sent events that says how it is doing: connecting, live, stale, down or signed-out.
// The browser's own reconnection gives up on an HTTP error, such as a platform that is just starting; this one does not.

const SILENT_AFTER_MS = 9000;
const LONGEST_WAIT_MS = 8000;
const HIDDEN_FOR_MS = 30000;

export class Stream {
  #source = null;
  #retry = null;
  #hidden = null;
  #waitMs = 500;
  #heardAt = performance.now();

  // `address()` is asked at every connection, so that it can carry the time of the last reading.
  // A stream that is often silent, and says so by `silentMs`, is never stale.
  constructor({ address, probe, on, onState, silentMs = SILENT_AFTER_MS }) {
    this.address = address;
    this.probe = probe;
    this.on = on;
    this.onState = onState;
    this.silentMs = silentMs;
    setInterval(() => this.#watchSilence(), 1000);
    document.addEventListener("visibilitychange", () => this.#visibility());
    addEventListener("online", () => this.open());
    addEventListener("pagehide", () => this.close());
    addEventListener("pageshow", (event) => event.persisted && this.open());
  }

  open() {
    this.close();
    this.#heardAt = performance.now();
    const source = new EventSource(this.address());
    this.#source = source;
    for (const [kind, take] of Object.entries(this.on)) {
      source.addEventListener(kind, (event) => {
        this.#waitMs = 500;
        take(JSON.parse(event.data));
        if (kind === "readings") {
          this.#heardAt = performance.now();
          this.onState("live");
        }
      });
    }
    source.addEventListener("open", () => this.onState("live"));
    source.addEventListener("error", () => this.#lost(source));
  }

  close() {
    clearTimeout(this.#retry);
    this.#source?.close();
    this.#source = null;
  }

  async #lost(source) {
    if (source !== this.#source) return;
    this.close();
    this.onState("down");
    this.#retry = setTimeout(() => this.open(), this.#waitMs);
    this.#waitMs = Math.min(this.#waitMs * 2, LONGEST_WAIT_MS);
    const answer = await fetch(this.probe, { cache: "no-store" }).catch(() => null);
    if (answer?.status === 401 || answer?.status === 403) {
      this.close();
      this.onState("signed-out");
    }
  }

  #watchSilence() {
    if (this.#source && performance.now() - this.#heardAt > this.silentMs) this.onState("stale");
  }

  // Nobody looks at a hidden tab: let the platform rest, and catch up on return.
  #visibility() {
    clearTimeout(this.#hidden);
    if (document.hidden) this.#hidden = setTimeout(() => this.close(), HIDDEN_FOR_MS);
    else if (!this.#source) this.open();
  }
}

// The readings of the window as a file. A plain link cannot carry a key: with one, the file is fetched first.

import { address, isAbort, send } from "./api.js";
import { make, setAttribute, setText } from "./element.js";
import { utc } from "./clock.js";
import { currentKey } from "./key.js";

const PATIENCE_MS = 15 * 60_000;
const KEPT_MS = 60_000;

export class Download {
  constructor(vin) {
    this.vin = vin;
    this.closed = new AbortController();
    this.told = make("span", { role: "status" });
    this.link = make("a", { class: "export", on: { click: (event) => this.fetch(event) } }, "Export CSV");
    this.element = make("span", { class: "download" }, this.link, this.told);
  }

  /** @param {import("./window.js").Window} window */
  show(window) {
    const params = { vin: this.vin, from_ts: utc(window.from), to_ts: utc(window.to), format: "csv" };
    setAttribute(this.link, "href", address("export/telemetry", params).href);
    setAttribute(this.link, "download", `${this.vin}.csv`);
  }

  async fetch(event) {
    if (currentKey() === null) return;
    event.preventDefault();
    setText(this.told, " fetching …");
    try {
      const response = await send(this.link.href, { signal: this.closed.signal, patience: PATIENCE_MS });
      const url = URL.createObjectURL(await response.blob());
      make("a", { href: url, download: named(response) ?? this.link.download }).click();
      setTimeout(() => URL.revokeObjectURL(url), KEPT_MS);
      setText(this.told, "");
    } catch (error) {
      if (!isAbort(error)) setText(this.told, ` ${error.message}`);
    }
  }

  close() {
    this.closed.abort();
  }
}

/** What the API calls the file, as a browser would call it. */
function named(response) {
  return /filename="([^"]+)"/.exec(response.headers.get("Content-Disposition") ?? "")?.[1];
}

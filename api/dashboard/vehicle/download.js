// The readings of the window as a file, which the browser loads by itself: a link carries no key, so with one a
// permit for this very address is asked for first.

import { address, isAbort, send } from "../core/api.js";
import { make, setAttribute, setText } from "../core/element.js";
import { utc } from "../core/clock.js";
import { currentKey } from "../core/key.js";

export class Download {
  constructor(vin) {
    this.vin = vin;
    this.closed = new AbortController();
    this.status = make("span", { role: "status" });
    this.link = make("a", { class: "export", on: { click: (event) => this.fetch(event) } }, "Export CSV");
    this.element = make("span", { class: "download" }, this.link, this.status);
  }

  /** @param {import("../charts/window.js").Window} window */
  show(window) {
    const params = { vin: this.vin, from_ts: utc(window.from), to_ts: utc(window.to), format: "csv" };
    setAttribute(this.link, "href", address("export/telemetry", params).href);
    setAttribute(this.link, "download", `${this.vin}.csv`);
  }

  async fetch(event) {
    if (currentKey() === null) return;
    event.preventDefault();
    // The window may go on meanwhile: what is permitted is this address.
    const { href, download } = this.link;
    setText(this.status, " …");
    try {
      await send(new URL(href), { method: "POST", signal: this.closed.signal });
      make("a", { href, download }).click();
      setText(this.status, "");
    } catch (error) {
      if (!isAbort(error)) setText(this.status, ` ${error.message}`);
    }
  }

  close() {
    this.closed.abort();
  }
}

// The choice of the window.

import { localInput } from "../core/clock.js";
import { button, make, setAttribute, setText } from "../core/element.js";
import { RANGES } from "../charts/window.js";

const NAMES = { all: "All" };

export class WindowBar {
  /**
   * @param {{range: (name: string) => void, window: (from: number, to: number) => void, back: () => void}} choose
   */
  constructor(choose) {
    this.choose = choose;
    this.ranges = new Map(
      [...RANGES.keys()].map((name) => [
        name,
        button(NAMES[name] ?? name, () => choose.range(name), { "aria-pressed": "false" }),
      ]),
    );
    this.back = button("Back", () => choose.back(), { title: "To the window before this zoom" });
    this.from = make("input", { type: "datetime-local", step: 1, id: "from" });
    this.to = make("input", { type: "datetime-local", step: 1, id: "to" });
    const move = (by) => this.shift(by, by);
    const steps = [
      button("◀", () => move(-0.5), { "aria-label": "Earlier" }),
      button("▶", () => move(0.5), { "aria-label": "Later" }),
      button("+", () => this.shift(0.25, -0.25), { "aria-label": "Zoom in" }),
      button("−", () => this.shift(-0.5, 0.5), { "aria-label": "Zoom out" }),
    ];
    this.problem = make("p", { class: "problem", role: "alert" });
    this.isEdited = false;
    for (const input of [this.from, this.to]) input.addEventListener("input", () => this.edit());
    const custom = make(
      "form",
      { class: "custom", on: { submit: (event) => this.take(event) } },
      make("label", { for: "from" }, "From"),
      this.from,
      make("label", { for: "to" }, "to"),
      this.to,
      make("button", {}, "Show"),
    );
    this.element = make(
      "div",
      { class: "window-bar" },
      make("div", { class: "group", role: "group", "aria-label": "Range" }, ...this.ranges.values()),
      make("div", { class: "group", role: "group", "aria-label": "Move and zoom" }, ...steps, this.back),
      custom,
      this.problem,
    );
  }

  /** @param {import("../charts/window.js").Window} window @param {boolean} canGoBack */
  show(window, canGoBack) {
    const isMoved =
      window.range !== this.window?.range ||
      (!window.range && (window.from !== this.window?.from || window.to !== this.window?.to));
    this.window = window;
    if (isMoved) this.isEdited = false;
    this.back.disabled = !canGoBack;
    setText(this.problem, window.problem ?? "");
    for (const [name, choice] of this.ranges) setAttribute(choice, "aria-pressed", String(name === window.range));
    /** @type {[HTMLInputElement, number][]} */
    const fields = [
      [this.from, window.from],
      [this.to, window.to],
    ];
    for (const [input, time] of fields) {
      // A field that a person edits is not overwritten while the view goes on.
      if (!this.isEdited && document.activeElement !== input) input.value = localInput(time);
    }
  }

  shift(fromBy, toBy) {
    const length = this.window.to - this.window.from;
    this.choose.window(this.window.from + fromBy * length, this.window.to + toBy * length);
  }

  edit() {
    this.isEdited = true;
    this.to.setCustomValidity("");
  }

  take(event) {
    event.preventDefault();
    const [from, to] = [Date.parse(this.from.value), Date.parse(this.to.value)];
    this.to.setCustomValidity(from < to ? "" : "The end must lie after the beginning.");
    if (!this.to.reportValidity()) return;
    this.isEdited = false;
    this.choose.window(from, to);
  }
}

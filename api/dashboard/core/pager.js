// Pages by number.

import { button, make, setText } from "./element.js";

export class Pager {
  /** @param {(page: number) => void} turn */
  constructor(turn) {
    this.page = 1;
    this.back = button("Previous", () => turn(this.page - 1));
    this.on = button("Next", () => turn(this.page + 1));
    this.text = make("span", { class: "muted" });
    this.element = make("nav", { class: "pager", "aria-label": "Pages", hidden: true }, this.back, this.text, this.on);
  }

  show(page, pages) {
    this.page = page;
    this.element.hidden = pages <= 1;
    this.back.disabled = page <= 1;
    this.on.disabled = page >= pages;
    setText(this.text, `Page ${page} of ${pages}`);
  }
}

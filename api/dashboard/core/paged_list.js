// A list that shows its first items, and more on demand: first those of the last answer, then the next page.

import { button, make, setText } from "./element.js";
import { isAbort } from "./api.js";

const STEP = 8;

export class PagedList {
  /**
   * @param {{title: string, nothing: string, row: (item: any) => Element, more: (next: string) => Promise<any>}} about
   *   `row` makes a list item; `more` asks for the next page
   */
  constructor({ title, nothing, row, more }) {
    this.row = row;
    this.more = more;
    this.items = [];
    this.next = null;
    this.shown = STEP;
    this.content = "";
    this.nothing = make("p", { class: "muted" }, nothing);
    this.list = make("ol", { class: "rows" });
    this.problem = make("p", { class: "problem", role: "alert" });
    this.button = button("Show more", () => this.on());
    this.after = make("div", {});
    this.element = make(
      "section",
      { class: "panel" },
      make("h2", {}, title),
      this.problem,
      this.nothing,
      this.list,
      this.button,
      this.after,
    );
    this.nothing.hidden = this.button.hidden = true;
    this.list.append(
      ...Array.from({ length: 3 }, () => make("li", {}, make("span", { class: "skeleton wide" }, "\u00a0"))),
    );
  }

  /** @param {{items: any[], next: string|null}} page the first one, asked for again or anew */
  show({ items, next }) {
    setText(this.problem, "");
    const content = JSON.stringify(items);
    // Pages that were asked for stay where nothing has changed.
    if (content === this.content) return;
    this.content = content;
    [this.items, this.next] = [items, next];
    this.render();
  }

  /** Show another stretch of time from its beginning. */
  restart() {
    this.shown = STEP;
    this.content = "";
  }

  fail(error) {
    setText(this.problem, error.message);
  }

  async on() {
    const first = this.shown;
    this.shown += STEP;
    if (this.shown > this.items.length && this.next !== null) {
      this.button.disabled = true;
      const asked = this.content;
      try {
        const page = await this.more(this.next);
        if (asked !== this.content) return;
        this.items = [...this.items, ...page.items];
        this.next = page.next;
      } catch (error) {
        if (!isAbort(error)) this.fail(error);
      } finally {
        this.button.disabled = false;
      }
    }
    this.render();
    if (this.button.hidden)
      /** @type {HTMLElement|null} */ (this.list.children[first]?.querySelector("summary, button, a"))?.focus();
  }

  render() {
    const kept = [...this.list.querySelectorAll("details")];
    const open = new Set(kept.filter((details) => details.open).map((details) => details.dataset.key));
    this.list.replaceChildren(...this.items.slice(0, this.shown).map((item) => make("li", {}, this.row(item))));
    for (const details of this.list.querySelectorAll("details")) details.open = open.has(details.dataset.key);
    this.nothing.hidden = this.items.length > 0;
    this.button.hidden = this.shown >= this.items.length && this.next === null;
  }
}

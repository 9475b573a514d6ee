// Events: what is wrong in the fleet, since when, and what people did about it.

import { ApiError, ask } from "../core/api.js";
import { now, utc } from "../core/clock.js";
import { make, setText } from "../core/element.js";
import { counted } from "../core/format.js";
import * as outage from "../core/outage.js";
import { PagedList } from "../core/paged_list.js";
import { changedQuery, go, link } from "../core/place.js";
import { Poll } from "../core/poll.js";
import { EventFilters } from "./event_filters.js";
import { eventRow } from "./event_row.js";

const EVERY_MS = 5000;
const PAGE = 100;
const DAY_MS = 86_400_000;

export class EventsPage {
  constructor(main, query) {
    document.title = "Events · Fleet";
    this.query = query;
    this.filters = new EventFilters((changes, how) => this.change(changes, how));
    this.found = make("p", { class: "found muted", role: "status" });
    this.list = new PagedList({
      title: "Events",
      nothing: "No event here.",
      row: (episode) => eventRow(episode, () => this.poll.now()),
      more: (next) => ask("episodes", { next, limit: PAGE }),
    });
    this.list.element.classList.add("events");
    main.append(
      make("h1", { class: "visually-hidden" }, "Events"),
      this.filters.element,
      this.found,
      this.list.element,
    );
    this.poll = new Poll(
      EVERY_MS,
      (signal) => this.refresh(signal),
      (error) => this.fail(error),
      outage.slow,
    );
    this.update(query);
  }

  /** Show what this query asks for. */
  update(query) {
    this.query = query;
    this.filters.show(query);
    this.list.restart();
    this.poll.now();
  }

  /** Ask for something else. */
  change(changes, { replace = false } = {}) {
    const query = changedQuery(this.query, changes);
    if (query.get("show") !== "since") query.delete("since");
    else if (!query.has("since")) query.set("since", utc(Math.floor((now() - DAY_MS) / 60_000) * 60_000));
    go(link("/events", query), { replace });
  }

  async refresh(signal) {
    const page = await ask("episodes", { ...this.asked, limit: PAGE }, { signal });
    outage.worked();
    this.list.show(page);
    setText(this.found, summary(page));
  }

  /** The parameters of the call. */
  get asked() {
    const { show = "open", since, severity, code, q, acknowledged } = Object.fromEntries(this.query);
    const filter = { min_severity: severity, code, vin_prefix: q, acknowledged };
    if (show === "since") return { ...filter, state: "all", since };
    if (show === "day") return { ...filter, state: "all", from_ts: utc(now() - DAY_MS) };
    return { ...filter, state: "open" };
  }

  fail(error) {
    if (!(error instanceof ApiError) || error.isOutage || error.isBusy) return outage.failed(error);
    // An address that somebody wrote by hand.
    outage.worked();
    return this.list.fail(error);
  }

  close() {
    this.poll.close();
    this.filters.close();
  }
}

function summary({ items, next }) {
  return next === null ? counted(items.length, "event") : `The newest ${counted(items.length, "event")}`;
}

// The fleet: which vehicle needs help.

import { ApiError, ask } from "../core/api.js";
import { FleetFilters } from "./fleet_filters.js";
import { FleetTable, usualOrder } from "./fleet_table.js";
import { FleetTiles } from "./fleet_tiles.js";
import { firstReading } from "../core/first_reading.js";
import { make, setText } from "../core/element.js";
import * as outage from "../core/outage.js";
import { Pager } from "../core/pager.js";
import { changedQuery, go, link } from "../core/place.js";
import { Poll } from "../core/poll.js";
import { counted, duration } from "../core/format.js";

const EVERY_MS = 2000;
const PAGE_SIZE = 50;
/** As LATE_DATA has it. */
const LATE_S = 180;

export class FleetPage {
  constructor(main, query) {
    document.title = "Fleet";
    this.query = query;
    this.hint = null;
    this.tiles = new FleetTiles();
    this.filters = new FleetFilters((changes, how) => this.change(changes, how));
    this.table = new FleetTable((changes) => this.change(changes));
    this.pager = new Pager((page) => this.change({ page: page > 1 ? page : null }));
    this.found = make("p", { class: "found muted", role: "status" });
    this.backlog = make("p", { class: "backlog", role: "status" });
    this.body = make(
      "div",
      { class: "fleet" },
      this.backlog,
      this.filters.element,
      this.found,
      this.table.element,
      this.pager.element,
    );
    main.append(make("h1", { class: "visually-hidden" }, "Fleet"), this.tiles.element, this.body);
    this.main = main;
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
    this.tiles.mark(query);
    this.table.showOrder(query);
    this.poll.now();
  }

  /** Ask for something else; a changed filter starts at the first page again. */
  change(changes, { replace = false } = {}) {
    go(link("/", changedQuery(this.query, { page: null, ...changes })), { replace });
  }

  async refresh(signal) {
    const { severity, order, sort = "alert", ...rest } = Object.fromEntries(this.query);
    const asked = { ...rest, sort, order: order ?? usualOrder(sort), min_severity: severity, page_size: PAGE_SIZE };
    const fleet = await ask("fleet", asked, { signal });
    outage.worked();
    if (fleet.page > fleet.pages && fleet.pages > 0) return this.change({ page: fleet.pages }, { replace: true });
    this.tiles.show(fleet.counts);
    this.table.show(fleet.vehicles);
    this.pager.show(fleet.page, fleet.pages);
    setText(this.found, this.summary(fleet));
    setText(this.backlog, backlogIn(fleet));
    this.showHint(fleet.counts.vehicles === 0);
  }

  fail(error) {
    if (!(error instanceof ApiError) || error.isOutage || error.isBusy) return outage.failed(error);
    // An address that somebody wrote by hand: nothing is away, and asking again would not help.
    outage.worked();
    this.table.show([]);
    return setText(this.found, inWords(error));
  }

  summary({ matching, counts }) {
    if (matching === counts.vehicles) return counted(matching, "vehicle");
    return `${counted(matching, "vehicle")} of ${counts.vehicles}${matching ? "" : ": none matches these filters"}`;
  }

  showHint(isEmpty) {
    this.body.hidden = isEmpty;
    if (isEmpty && !this.hint) {
      this.hint = firstReading("No vehicles yet", "MY-CAR-001");
      this.main.append(this.hint);
    } else if (!isEmpty && this.hint) {
      this.hint.remove();
      this.hint = null;
    }
  }

  close() {
    this.poll.close();
    this.filters.close();
  }
}

/** A sentence while readings are received long after they were taken; empty at other times. */
function backlogIn({ arrival_lag_s: lag }) {
  if (lag === null || lag < LATE_S) return "";
  const cause = "more are waiting to be stored, or are sent late";
  const lateness = `Readings arrive ${duration(lag)} after they were taken: ${cause}.`;
  return `${lateness} The values on this page are not the newest yet.`;
}

/** The faults of an address that a person has written: "state: Input should be ..." without the API's own places. */
function inWords({ message, errors }) {
  if (!errors?.length) return message;
  const faults = errors.map(
    ({ loc, msg }) =>
      `${loc.find((part) => typeof part === "string" && !["query", "path"].includes(part)) ?? ""}: ${msg}`,
  );
  return `The address holds a value that is not known. ${faults.join("; ")}.`;
}

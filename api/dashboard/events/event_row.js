// One episode in the list of events: what, of which vehicle, since when, and what was done about it.

import { badge } from "../core/badge.js";
import { inTheirZone, now, timeElement, utc } from "../core/clock.js";
import { button, fact, make } from "../core/element.js";
import { EARLIER } from "../core/episode_lines.js";
import { duration, fitting, words } from "../core/format.js";
import { vehicleLink } from "../core/place.js";
import { openDialog } from "./event_dialog.js";

const HOUR_MS = 3_600_000;
const CHANGES = { opened: "new", worse: "got worse", ended: "ended", withdrawn: "withdrawn" };

/** @param {any} episode @param {() => void} changed called when a person has changed it */
export function eventRow(episode, changed) {
  const { id, vin, name, group, code, severity, started_at, start_known, ended_at, closed_at, detail, change } =
    episode;
  const isOver = closed_at !== null;
  const begin = make("span", {}, start_known ? "since " : `since ${EARLIER}`, timeElement(started_at));
  const seconds = ((ended_at ? Date.parse(ended_at) : now()) - Date.parse(started_at)) / 1000;
  return make(
    "details",
    { "data-key": id },
    make(
      "summary",
      {},
      badge(severity),
      make("strong", {}, words(code)),
      make("a", { href: placeOf(episode), class: "vin" }, name ? `${name} (${vin})` : vin),
      begin,
      make("span", { class: "muted" }, `${ended_at ? "" : "open, "}${duration(seconds)}`),
      change ? make("span", { class: "muted" }, CHANGES[change] ?? change) : null,
      acknowledged(episode),
    ),
    make("p", {}, inTheirZone(detail)),
    make(
      "dl",
      { class: "facts" },
      ...fact("Extreme", fitting(episode.peak, episode.unit)),
      ...fact("Threshold", fitting(episode.threshold, episode.unit)),
      ...fact("Ended", ended_at ? timeElement(ended_at) : "not yet"),
      ...(group ? fact("Group", group) : []),
      ...(episode.muted_until ? fact("Muted until", timeElement(episode.muted_until)) : []),
      ...(episode.notes ?? []).flatMap(({ at, by, text }) =>
        fact(by, make("span", {}, inTheirZone(text), " ", timeElement(at))),
      ),
    ),
    make(
      "div",
      { class: "buttons" },
      make("a", { href: placeOf(episode) }, "Show it on the chart"),
      ...(episode.acknowledged_at ? [] : [button("Acknowledge", () => openDialog("acknowledge", episode, changed))]),
      button("Add a note", () => openDialog("note", episode, changed)),
      ...(isOver ? [] : [button("Mute", () => openDialog("mute", episode, changed))]),
    ),
  );
}

function acknowledged({ acknowledged_at: at, acknowledged_by: by }) {
  if (!at) return null;
  return make("span", { class: "badge", "data-kind": "ok" }, "✓ ", `acknowledged by ${by}`);
}

/** The vehicle's page with a window around the episode: a quarter of its length before and after, an hour at least. */
function placeOf({ vin, started_at, ended_at }) {
  const [from, to] = [Date.parse(started_at), ended_at ? Date.parse(ended_at) : now()];
  const margin = Math.max(HOUR_MS, (to - from) / 4);
  return vehicleLink(vin, { from: utc(from - margin), to: utc(Math.min(to + margin, now())) });
}

// Episodes: each fault with its beginning and end, and the rules that could not be evaluated.

import { badge } from "../core/badge.js";
import { inTheirZone, timeElement } from "../core/clock.js";
import { fact, make } from "../core/element.js";
import { EARLIER } from "../core/episode_lines.js";
import { counted, duration, fitting, quantity, words } from "../core/format.js";
import { PagedList } from "../core/paged_list.js";
import { withLabels } from "./profile_form.js";

/** @param {(next: string) => Promise<any>} more */
export function episodeList(more) {
  const list = new PagedList({ title: "Alert episodes", nothing: "No episode in this window.", row, more });
  return Object.assign(list, { skip: (skipped) => list.after.replaceChildren(...unjudged(skipped)) });
}

function row(episode) {
  const {
    code,
    severity,
    started_at,
    start_known,
    ended_at,
    peak,
    threshold,
    unit,
    samples,
    readings,
    window_s,
    detail,
  } = episode;
  const lasted = ended_at ? duration((Date.parse(ended_at) - Date.parse(started_at)) / 1000) : "goes on";
  const begin = start_known ? timeElement(started_at) : make("span", {}, EARLIER, timeElement(started_at));
  return make(
    "details",
    { "data-key": `${code} ${started_at}` },
    make(
      "summary",
      {},
      badge(severity),
      make("strong", {}, words(code)),
      begin,
      make("span", { class: "muted" }, lasted),
    ),
    make("p", {}, inTheirZone(detail)),
    make(
      "dl",
      { class: "facts" },
      ...fact("Extreme", fitting(peak, unit)),
      ...fact("Threshold", fitting(threshold, unit)),
      ...fact("Ended", ended_at ? timeElement(ended_at) : "not yet"),
      ...fact("Evaluated over", window_s > 0 ? fitting(window_s, "s") : "single readings"),
      ...fact("Readings", quantity(samples, "", 0)),
      ...fact(
        "Examples",
        make("span", {}, ...readings.flatMap((ts, place) => (place ? [", ", timeElement(ts)] : [timeElement(ts)]))),
      ),
    ),
  );
}

function unjudged(skipped) {
  if (!skipped.length) return [];
  const why = ({ code, status, reason }) =>
    make(
      "li",
      {},
      make("strong", {}, words(code)),
      `: ${withLabels(reason)}`,
      status === "skipped" ? make("span", { class: "muted" }, " (can be completed below)") : null,
    );
  return [
    make(
      "details",
      { class: "skipped" },
      make("summary", {}, `${counted(skipped.length, "rule")} could not be judged`),
      make("ul", {}, ...skipped.map(why)),
    ),
  ];
}

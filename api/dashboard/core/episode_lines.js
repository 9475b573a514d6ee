// An episode in lines of text.

import { inTheirZone, moment } from "./clock.js";
import { words } from "./format.js";

/** Before the time of one that was there already in the first readings that were looked at. */
export const EARLIER = "before ";

/** An episode in lines, for an explanation. */
export function episodeLines({ code, severity, started_at, start_known, ended_at, detail }) {
  const time = `${start_known ? "" : EARLIER}${moment(started_at)} – ${ended_at ? moment(ended_at) : "goes on"}`;
  return [`${words(code)}, ${severity}`, inTheirZone(detail), time];
}

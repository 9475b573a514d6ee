// The window of the charts: as the address names it, and as two moments.

import { now, utc } from "../core/clock.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** The windows to choose from; each ends now, but for "all". */
export const RANGES = new Map([
  ["15m", 15 * MINUTE],
  ["1h", HOUR],
  ["6h", 6 * HOUR],
  ["24h", DAY],
  ["7d", 7 * DAY],
  ["30d", 30 * DAY],
  ["all", null],
]);
const USUAL = ["15m", "1h", "6h", "24h"];
const SHORTEST = 30_000;

/**
 * @typedef {{from: number, to: number, live: boolean, range: string|null, problem?: string}} Window moments in
 *   milliseconds; a live one ends now and goes on. `problem`: why it is not what the address asks for
 */

/**
 * @param {URLSearchParams} query
 * @param {number} oldest of all readings
 * @param {number} newest
 * @returns {Window}
 */
export function windowOf(query, oldest, newest) {
  const from = Date.parse(query.get("from") ?? "");
  const to = Date.parse(query.get("to") ?? "");
  if (from < to) return { from, to, live: false, range: null };
  const usualWindow = rangeOf(query, oldest, newest);
  return query.has("from") || query.has("to") ? { ...usualWindow, problem: problemOf(from, to) } : usualWindow;
}

function problemOf(from, to) {
  const fault = from >= to ? "its end does not lie after its beginning" : "it does not name two times";
  return `The address asks for a window that can't be shown: ${fault}. Shown is the usual one.`;
}

function rangeOf(query, oldest, newest) {
  const range = RANGES.has(query.get("range")) ? query.get("range") : usual(oldest, newest);
  if (range === "all") {
    const isRecent = newest > now() - HOUR;
    const end = isRecent ? now() : newest;
    return { from: Math.min(oldest, end - MINUTE), to: end, live: isRecent, range };
  }
  if (range === null) return { from: Math.max(oldest, newest - DAY) - MINUTE, to: newest + MINUTE, live: false, range };
  return { from: now() - RANGES.get(range), to: now(), live: true, range };
}

/** The shortest range that holds all there is, or a day; null where the newest reading is older than that. */
function usual(oldest, newest) {
  if (newest < now() - DAY) return null;
  return USUAL.find((range) => oldest >= now() - RANGES.get(range)) ?? "24h";
}

/** The same window, up to this moment. */
export function follow(window) {
  if (!window.live) return window;
  const to = now();
  return { ...window, to, from: window.range === "all" ? window.from : to - (window.to - window.from) };
}

/** The query of the address for a window that begins and ends at these moments. */
export function queryOf(from, to) {
  const middle = (from + to) / 2;
  const half = Math.max(SHORTEST, to - from) / 2;
  const second = (time) => utc(Math.round(time / 1000) * 1000);
  return { from: second(middle - half), to: second(middle + half) };
}

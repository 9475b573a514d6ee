// The time by the API's clock, and times for people: in the reader's zone, UTC on hover.

import { make, setAttribute, setText } from "./element.js";

const TOLERATED_MS = 3000;
const short = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const dayOnly = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeZone: "UTC" });
let offset = 0;

/** Learn the API's time from the Date header of an answer; this machine's clock may be wrong. */
export function learn(header) {
  const answered = Date.parse(header ?? "");
  if (Number.isNaN(answered)) return;
  const ahead = answered - Date.now();
  offset = Math.abs(ahead) > TOLERATED_MS ? ahead : 0;
}

/** Milliseconds since 1970. */
export function now() {
  return Date.now() + offset;
}

/** Date and time in the reader's zone. */
export function moment(time) {
  return short.format(new Date(time));
}

/** A sentence of the API, its times in UTC turned into the reader's. */
export function inTheirZone(sentence) {
  return sentence.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, (time) => moment(Date.parse(time)));
}

/** A day such as 2031-05-01. */
export function day(text) {
  return dayOnly.format(new Date(`${text}T00:00:00Z`));
}

/** True for a day in the past, such as 2021-05-01. */
export function isPast(text) {
  return text < utc(now()).slice(0, 10);
}

/** RFC 3339 in UTC, without needless decimals. */
export function utc(time) {
  return new Date(time).toISOString().replace(/\.000Z$/, "Z");
}

/** "12 s ago". */
export function ago(time) {
  const seconds = Math.max(0, Math.round((now() - Date.parse(time)) / 1000));
  if (seconds < 100) return `${seconds}\u00a0s ago`;
  if (seconds < 6000) return `${Math.round(seconds / 60)}\u00a0min ago`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)}\u00a0h ago`;
  return `${Math.round(seconds / 86400)}\u00a0d ago`;
}

/** An element that shows a time; `relative` ones grow older while `age` is called. */
export function timeElement(time, { relative = false } = {}) {
  const element = make("time", { "data-relative": relative });
  setTime(element, time);
  return element;
}

/** Let a time element show another time; null shows a dash. */
export function setTime(element, time) {
  if (!time) {
    setText(element, "–");
    element.removeAttribute("datetime");
    element.removeAttribute("title");
    return;
  }
  setAttribute(element, "datetime", utc(time));
  setAttribute(element, "title", `${utc(time)} (UTC)`);
  setText(element, element.hasAttribute("data-relative") ? ago(time) : moment(time));
}

/** Bring every relative time below `root` up to date. */
export function age(root) {
  for (const element of root.querySelectorAll("time[data-relative][datetime]")) {
    setText(element, ago(element.getAttribute("datetime")));
  }
}

/** A time as the browser's own field for date and time wants it: in the reader's zone, to the second. */
export function localInput(time) {
  const date = new Date(time);
  return new Date(time - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

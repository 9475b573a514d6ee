// The age of a vehicle's newest values: whether they hold now.

const LATE_MS = 180_000;
// Some devices send one signal a message: a value at most this much older than the newest reading is of now.
const AGED_MS = 60_000;

/** True where the newest reading holds now: the vehicle is online, and the reading arrived soon after it was taken. */
export function isLive(connectivity, ts, receivedAt) {
  return connectivity?.state === "online" && !isLate(ts, receivedAt);
}

/** True where a reading was taken long before it arrived. */
export function isLate(ts, receivedAt) {
  return Date.parse(receivedAt) - Date.parse(ts) > LATE_MS;
}

/** The ts of the oldest of these signals that is known and not of now; undefined where all are of now. */
export function oldestTs(signals, state) {
  const limit = Date.parse(state.ts) - AGED_MS;
  const old = signals.filter((signal) => state[signal] !== null && Date.parse(state.as_of?.[signal]) < limit);
  return old.map((signal) => state.as_of[signal]).sort()[0];
}

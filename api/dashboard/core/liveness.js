// Whether a vehicle's newest reading holds now.

const LATE_MS = 180_000;

/** Whether the newest reading holds now: the vehicle is online, and the reading was not taken long before it came. */
export function isLive(connectivity, ts, receivedAt) {
  return connectivity?.state === "online" && !isLate(ts, receivedAt);
}

/** Whether a reading was taken long before it came. */
export function isLate(ts, receivedAt) {
  return Date.parse(receivedAt) - Date.parse(ts) > LATE_MS;
}

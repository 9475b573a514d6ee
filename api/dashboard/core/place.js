// The place of the reader: the part of the address behind #, which can be shared and kept.

/** @param {string} hash @returns {{path: string, query: URLSearchParams}} */
export function parse(hash) {
  const [path, query = ""] = hash.replace(/^#/, "").split("?");
  return { path: path || "/", query: new URLSearchParams(query) };
}

/** @param {string} path @param {URLSearchParams|Record<string, any>} [query] values that are empty are left out */
export function link(path, query = {}) {
  const pairs = [...(query instanceof URLSearchParams ? query : Object.entries(query))];
  const kept = new URLSearchParams(pairs.filter(([, value]) => value !== null && value !== undefined && value !== ""));
  // Colons and commas need no escape here, and times stay readable.
  const text = kept.toString().replaceAll("%3A", ":");
  return `#${path}${text ? `?${text}` : ""}`;
}

/** The query with some values changed; empty ones are removed. */
export function changedQuery(query, changes) {
  const changed = new URLSearchParams(query);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === "") changed.delete(name);
    else changed.set(name, value);
  }
  return changed;
}

/** The address of a vehicle's page. */
export function vehicleLink(vin, query) {
  return link(`/vehicle/${encodeURIComponent(vin)}`, query);
}

/** The number of zooms to go back from here; kept by the browser's history, so a reload does not lose it. */
export function depth() {
  return history.state?.depth ?? 0;
}

/** Go there. A replaced place can't be gone back to; `deeper` counts as a zoom. */
export function go(hash, { replace = false, deeper = false } = {}) {
  if (replace) history.replaceState({ depth: depth() }, "", hash);
  else history.pushState({ depth: deeper ? depth() + 1 : 0 }, "", hash);
  dispatchEvent(new HashChangeEvent("hashchange"));
}

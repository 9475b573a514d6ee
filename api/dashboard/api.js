// The one way to the API.

import { learn } from "./clock.js";
import { askForKey, currentKey } from "./key.js";

const PATIENCE_MS = 20_000;

/** An answer that is none: `status` 0 where the API was not reached, else what it said (RFC 9457). */
export class ApiError extends Error {
  constructor(status, detail, errors = []) {
    super(detail);
    this.status = status;
    this.errors = errors;
  }

  /** Whether it is likely to pass without anyone changing the question. */
  get isOutage() {
    return this.status === 0 || this.status >= 500;
  }
}

export function isAbort(error) {
  return error instanceof DOMException && error.name === "AbortError";
}

/** The address of a call; relative to the page, so it works behind any prefix. */
export function address(path, params = {}) {
  const url = new URL(`api/${path}`, new URL(".", location.href.split("#")[0]));
  for (const [name, value] of Object.entries(params)) {
    if (value !== null && value !== undefined && value !== "") url.searchParams.set(name, String(value));
  }
  return url;
}

/** What the API answers to a GET, as an object. Raises ApiError, or AbortError where `signal` says so. */
export async function ask(path, params = {}, { signal, patience } = {}) {
  return (await send(address(path, params), { signal, patience })).json();
}

/** Send an object with PUT; what is answered. */
export async function put(path, content, { signal } = {}) {
  const body = JSON.stringify(content);
  return (await send(address(path), { method: "PUT", body, headers: { "Content-Type": "application/json" }, signal })).json();
}

/** The response itself, asking for a key as often as it takes. */
export async function send(url, { headers = {}, signal, patience = PATIENCE_MS, ...rest } = {}) {
  for (;;) {
    const key = currentKey();
    const given = key === null ? headers : { ...headers, "X-API-Key": key };
    const timeout = AbortSignal.timeout(patience);
    const response = await reach(url, { ...rest, headers: given, signal: signal ? AbortSignal.any([signal, timeout]) : timeout });
    learn(response.headers.get("Date"));
    if (response.ok) return response;
    if (response.status !== 401) throw await problem(response);
    await askForKey(key);
  }
}

async function reach(url, options) {
  try {
    return await fetch(url, options);
  } catch (error) {
    if (isAbort(error)) throw error;
    throw new ApiError(0, "The API does not answer.");
  }
}

async function problem(response) {
  const told = await response.json().catch(() => ({}));
  return new ApiError(response.status, told.detail ?? `The API answers ${response.status}.`, told.errors ?? []);
}

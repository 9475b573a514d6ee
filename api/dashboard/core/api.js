// Calls of the API, all of the dashboard's.

import { learn } from "./clock.js";
import { askForKey, currentKey } from "./key.js";

const TIMEOUT_MS = 20_000;
const HEALTH_MS = 2500;

/** An answer that is none: `status` 0 where the API was not reached, else what it said (RFC 9457). */
export class ApiError extends Error {
  constructor(status, detail, errors = [], { retryAfterMs = null, isBusy = false } = {}) {
    super(isBusy ? `The service is busy: asking again in ${Math.round(retryAfterMs / 1000)}\u00a0s.` : detail);
    this.status = status;
    this.errors = errors;
    /** Milliseconds that the API asks to wait; null where it does not say. */
    this.retryAfterMs = retryAfterMs;
    /** True where the API works, and has more calls than it can answer at once: no outage. */
    this.isBusy = isBusy;
  }

  /** True for an outage: the same call is likely to succeed later. */
  get isOutage() {
    return !this.isBusy && (this.status === 0 || this.status >= 500);
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

/**
 * @typedef {{signal?: AbortSignal, timeout?: number}} Wait the end of a wait: `signal`, or `timeout` ms
 * @typedef {RequestInit & {headers?: Record<string, string>, timeout?: number}} Options of a request
 */

/**
 * Ask with GET; returns the answer, an object. Raises ApiError, or AbortError after `signal`.
 * @param {string} path
 * @param {Record<string, any>} [params]
 * @param {Wait} [wait]
 */
export async function ask(path, params = {}, { signal, timeout } = {}) {
  return (await send(address(path, params), { signal, timeout })).json();
}

/**
 * Send an object with PUT; returns the answer.
 * @param {string} path
 * @param {object} content
 * @param {Wait} [wait]
 */
export function put(path, content, wait) {
  return give("PUT", path, content, wait);
}

/**
 * Send an object with POST; returns the answer.
 * @param {string} path
 * @param {object} content
 * @param {Wait} [wait]
 */
export function post(path, content, wait) {
  return give("POST", path, content, wait);
}

/**
 * @param {string} method
 * @param {string} path
 * @param {object} content
 * @param {Wait} [wait]
 */
async function give(method, path, content, { signal } = {}) {
  const headers = { "Content-Type": "application/json" };
  return (await send(address(path), { method, body: JSON.stringify(content), headers, signal })).json();
}

/**
 * Send a request, after a dialog for a key wherever one is needed; returns the response.
 * @param {URL} url
 * @param {Options} [options]
 */
export async function send(url, { headers = {}, signal, timeout = TIMEOUT_MS, ...rest } = {}) {
  for (;;) {
    const key = currentKey();
    const given = key === null ? headers : { ...headers, "X-API-Key": key };
    const late = AbortSignal.timeout(timeout);
    const response = await reach(url, {
      ...rest,
      headers: given,
      signal: signal ? AbortSignal.any([signal, late]) : late,
    });
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
  const body = await response.json().catch(() => ({}));
  const seconds = Number(response.headers.get("Retry-After"));
  const retryAfterMs = seconds > 0 ? 1000 * seconds : null;
  const isBusy = retryAfterMs !== null && (response.status === 429 || (response.status === 503 && (await isHealthy())));
  return new ApiError(response.status, body.detail ?? `The API answers ${response.status}.`, body.errors ?? [], {
    retryAfterMs,
    isBusy,
  });
}

/** Find out if the API and its database work: then 503 means that they get too many calls. */
async function isHealthy() {
  try {
    return (await fetch(address("health"), { signal: AbortSignal.timeout(HEALTH_MS) })).ok;
  } catch {
    return false;
  }
}

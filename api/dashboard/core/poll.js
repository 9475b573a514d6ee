// A call that is repeated: never twice at once, and not while the page is hidden.

import { isAbort } from "./api.js";

/** After so long without an answer the page says so: with the usual interval before it, within 5 s. */
const SLOW_MS = 2500;
/** After an outage, sooner than at the usual time. */
const TRY_AGAIN_MS = 3000;

export class Poll {
  /**
   * @param {number} interval milliseconds from an answer to the next question
   * @param {(signal: AbortSignal) => Promise<void>} round asks, and shows what is answered
   * @param {(error: unknown) => void} failed called when a round fails
   * @param {() => void} [slow] called while a round has no answer for longer than usual; the round goes on
   */
  constructor(interval, round, failed, slow) {
    this.interval = interval;
    this.round = round;
    this.failed = failed;
    this.slow = slow ?? null;
    this.notBefore = 0;
    this.running = null;
    this.timer = 0;
    this.closed = new AbortController();
    document.addEventListener("visibilitychange", () => this.look(), { signal: this.closed.signal });
  }

  /** Ask at once. A call under way is aborted, so no older answer can come later. */
  async now() {
    clearTimeout(this.timer);
    this.running?.abort();
    if (this.closed.signal.aborted) return;
    const running = new AbortController();
    this.running = running;
    const slow = this.slow && setTimeout(() => this.running === running && this.slow(), SLOW_MS);
    let pause = this.interval;
    let wait = 0;
    try {
      await this.round(running.signal);
    } catch (error) {
      wait = error.retryAfterMs ?? 0;
      pause = wait || (error.isOutage ? Math.min(pause, TRY_AGAIN_MS) : pause);
      // An error that no call made is a fault of ours: it must not pass for an outage.
      if (error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError)
        console.error(error);
      if (!isAbort(error) && this.running === running) this.failed(error);
    } finally {
      clearTimeout(slow);
    }
    if (this.running !== running) return;
    this.running = null;
    this.notBefore = performance.now() + wait;
    this.timer = setTimeout(() => this.look(), pause);
  }

  /** Ask if it is time to: a page that is looked at again waits as long as the API has asked it to. */
  look() {
    if (document.hidden || this.running !== null) return;
    const left = this.notBefore - performance.now();
    if (left <= 0) return this.now();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.look(), left);
  }

  close() {
    this.closed.abort();
    clearTimeout(this.timer);
    this.running?.abort();
    this.running = null;
  }
}

// A question that is asked again and again: never twice at once, and not while nobody looks.

import { isAbort } from "./api.js";

export class Poll {
  /**
   * @param {number} interval milliseconds from an answer to the next question
   * @param {(signal: AbortSignal) => Promise<void>} round asks, and shows what is answered
   * @param {(error: unknown) => void} failed what to do when a round fails
   */
  constructor(interval, round, failed) {
    this.interval = interval;
    this.round = round;
    this.failed = failed;
    this.running = null;
    this.timer = 0;
    this.closed = new AbortController();
    document.addEventListener("visibilitychange", () => this.look(), { signal: this.closed.signal });
  }

  /** Ask at once. What is still under way is given up, so no older answer can come later. */
  async now() {
    clearTimeout(this.timer);
    this.running?.abort();
    if (this.closed.signal.aborted) return;
    const running = new AbortController();
    this.running = running;
    try {
      await this.round(running.signal);
    } catch (error) {
      // An error that no call made is a fault of ours: it must not pass for an outage.
      if (error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError) console.error(error);
      if (!isAbort(error) && this.running === running) this.failed(error);
    }
    if (this.running !== running) return;
    this.running = null;
    this.timer = setTimeout(() => this.look(), this.interval);
  }

  look() {
    if (!document.hidden && this.running === null) this.now();
  }

  close() {
    this.closed.abort();
    clearTimeout(this.timer);
    this.running?.abort();
    this.running = null;
  }
}

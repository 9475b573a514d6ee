// The diagnoses of the readings: asked for seldom, and again when the window or the profile changes.

import { ask } from "../core/api.js";
import { utc } from "../core/clock.js";
import { may } from "../core/own_key.js";
import { episodeList } from "./episode_list.js";
import { Poll } from "../core/poll.js";
import { rejectionList } from "./rejection_list.js";
import { sessionList } from "./session_list.js";

const EVERY_MS = 30_000;
const BATTERY_EVERY_MS = 300_000;
/** More of either are not drawn: in so wide a window a reader could not tell them apart. */
const PAGE = 400;
const TIMEOUT_MS = 120_000;

export class Diagnoses {
  constructor(path, vin, window, charts, battery, profile) {
    this.path = path;
    this.vin = vin;
    this.window = window;
    this.charts = charts;
    this.battery = battery;
    this.profile = profile;
    this.isShown = false;
    const more = (call) => (next) => ask(call, { next, limit: PAGE }, { timeout: TIMEOUT_MS });
    this.episodes = episodeList(more(`${path}/anomalies`));
    this.sessions = sessionList(more(`${path}/sessions`));
    this.rejections = rejectionList(more("rejections"));
    this.isProfileShown = false;
    this.polls = [
      new Poll(
        EVERY_MS,
        (signal) => this.refresh(signal),
        (error) => this.fail(error),
      ),
      new Poll(
        BATTERY_EVERY_MS,
        (signal) => this.refreshBattery(signal),
        (error) => this.battery.fail(error),
      ),
    ];
    this.isStarted = false;
  }

  /** The window is another one. */
  restart() {
    this.isShown = false;
    this.episodes.restart();
    this.sessions.restart();
    this.polls[0].now();
    const isFirst = !this.isStarted;
    this.isStarted = true;
    if (isFirst) this.polls[1].now();
  }

  /** Work it all out again. */
  renew() {
    this.isShown = false;
    for (const poll of this.polls) poll.now();
  }

  async refresh(signal) {
    const window = this.window();
    if (window === null || (this.isShown && !window.live)) return;
    const span = { from_ts: utc(window.from), to_ts: utc(window.to), order: "desc", limit: PAGE };
    const how = { signal, timeout: TIMEOUT_MS };
    const mayOperate = await may("operate");
    const [{ sessions, anomalies }, rejections] = await Promise.all([
      ask(`${this.path}/diagnosis`, span, how),
      mayOperate ? ask("rejections", { vin: this.vin, limit: PAGE }, how) : null,
    ]);
    this.isShown = true;
    this.sessions.show(sessions);
    this.episodes.show(anomalies);
    this.episodes.skip(anomalies.skipped);
    this.rejections.element.hidden = !mayOperate;
    if (mayOperate) this.rejections.show(rejections);
    this.profile.offer(mayOperate);
    this.charts.annotate(sessions.items, anomalies.items);
    this.charts.tellRest(sessions.next !== null || anomalies.next !== null, PAGE);
  }

  async refreshBattery(signal) {
    if (!this.isStarted) return;
    const how = { signal, timeout: TIMEOUT_MS };
    if (!this.isProfileShown) {
      this.profile.show(await ask(`${this.path}/profile`, {}, how));
      this.isProfileShown = true;
    }
    const battery = await ask(`${this.path}/battery`, {}, how);
    this.battery.show(battery);
    const { soh_trend, from_ts, to_ts } = battery;
    const days =
      soh_trend.status === "ok" ? await ask(`${this.path}/series`, { from_ts, to_ts, interval: "1d" }, how) : null;
    this.battery.showTrend(battery, days);
  }

  fail(error) {
    this.episodes.fail(error);
    this.sessions.fail(error);
  }

  close() {
    for (const poll of this.polls) poll.close();
  }
}

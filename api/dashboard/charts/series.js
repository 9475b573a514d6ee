// A vehicle's signals by buckets, as the API gives them, and as charts need them: with gaps as gaps.

/** A length of time as the API reads it: 30 -> "30s", 300 -> "5m". */
export function intervalText(seconds) {
  if (seconds % 86400 === 0) return "1d";
  if (seconds % 3600 === 0) return `${seconds / 3600}h`;
  return seconds % 60 === 0 ? `${seconds / 60}m` : `${seconds}s`;
}

const KINDS = ["min", "mean", "max"];
export const SIGNALS = ["soc", "power_kw", "pack_voltage", "pack_current", "max_temp", "min_temp"];

export class Series {
  /** @param {any} answer of GET /api/vehicles/{vin}/series */
  constructor(answer) {
    this.intervalS = answer.interval_s;
    this.begin = [];
    this.samples = [];
    this.columns = Object.fromEntries(SIGNALS.map((name) => [name, { min: [], mean: [], max: [] }]));
    this.merge(answer);
  }

  get isEmpty() {
    return this.begin.length === 0;
  }

  /** When the last bucket begins, in milliseconds. */
  get lastBegin() {
    return this.begin.at(-1) * 1000;
  }

  /** Put the buckets of an answer in place of those that it holds anew. */
  merge(answer) {
    const begin = answer.ts.map((ts) => Date.parse(ts) / 1000);
    if (!begin.length) return;
    const kept = this.firstFrom(begin[0]);
    const renew = (list, fresh) => list.splice(kept, Infinity, ...fresh);
    renew(this.begin, begin);
    renew(this.samples, answer.samples);
    for (const name of SIGNALS) for (const kind of KINDS) renew(this.columns[name][kind], answer[name][kind]);
  }

  /** Drop what ended before this moment (milliseconds): what follows the clock must not grow. */
  forget(before) {
    const gone = this.firstFrom(before / 1000 - this.intervalS);
    for (const list of [this.begin, this.samples, ...SIGNALS.flatMap((name) => Object.values(this.columns[name]))]) {
      list.splice(0, gone);
    }
  }

  firstFrom(begin) {
    const found = this.begin.findIndex((own) => own >= begin);
    return found < 0 ? this.begin.length : found;
  }

  /**
   * The middles of the buckets (seconds) and a way to line up any column with them. Where two buckets are
   * further apart than two of them usually are, there is one element more between them, null in every column.
   */
  aligned() {
    const widest = 2 * Math.max(this.intervalS, this.usualDistance());
    const x = [];
    const places = [];
    this.begin.forEach((begin, place) => {
      if (place && begin - this.begin[place - 1] > widest) {
        x.push(x.at(-1) + this.intervalS);
        places.push(-1);
      }
      x.push(begin + this.intervalS / 2);
      places.push(place);
    });
    return { x, pick: (list) => places.map((place) => (place < 0 ? null : list[place])), places };
  }

  /** The median: a vehicle that sends each minute has no gap every ten seconds. */
  usualDistance() {
    const steps = this.begin.slice(1).map((begin, place) => begin - this.begin[place]);
    return steps.sort((one, other) => one - other)[Math.floor(steps.length / 2)] ?? 0;
  }
}

/** The lowest and highest of the values that are there, or null. */
export function extent(...lists) {
  let [low, high] = [Infinity, -Infinity];
  for (const list of lists) {
    for (const value of list) {
      if (value === null) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  return low > high ? null : [low, high];
}

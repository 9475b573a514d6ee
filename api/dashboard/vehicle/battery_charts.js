// The charts of the battery's panel: health over time, charging, and the conditions of its life.

import { make } from "../core/element.js";
import { counted, estimate, slope } from "../core/format.js";
import { chargeCurve, curveDrawn } from "../charts/charge_curve.js";
import { hoursChart, hoursDrawn } from "../charts/hours_chart.js";
import { capacityOf, resistanceOf, trendOf } from "../charts/trend.js";
import { trendChart, trendDrawn } from "../charts/trend_chart.js";

export class BatteryCharts {
  constructor() {
    this.soh = trendChart("State of health by day");
    this.capacity = trendChart("Capacity by charge");
    this.resistance = trendChart("Resistance at 25 °C by day");
    this.curve = chargeCurve();
    this.soc = hoursChart("Time at rest by state of charge", "charge", "%");
    this.temperature = hoursChart("Time by temperature of the cells", "hot", "°C");
    this.all = [this.soh, this.capacity, this.resistance, this.curve, this.soc, this.temperature];
    this.element = make("div", { class: "battery-charts" }, ...this.all.map(({ element }) => element));
  }

  /** @param {any} battery what GET /api/vehicles/{vin}/battery answers */
  show({ capacity_trend, resistance, resistance_trend, charging, exposure }) {
    const ohms = resistanceOf(resistance_trend, resistance);
    this.capacity.show(
      trendDrawn(
        capacityOf(capacity_trend),
        "Ah",
        `each of ${counted(capacity_trend.charges?.length ?? 0, "charge")} by 10 % or more`,
        capacity_trend.slope?.status === "ok" ? `${estimate(capacity_trend.slope.per_year, "Ah")} a year` : "",
      ),
    );
    this.resistance.show(
      trendDrawn(
        ohms,
        "mΩ",
        `the median of each of ${counted(ohms?.x.length ?? 0, "day")}`,
        resistance_trend.status === "ok" ? `${estimate(resistance_trend.growth, "%")} in all` : "",
      ),
    );
    this.curve.show(curveDrawn(charging));
    const { soc_at_rest, temperature } = exposure;
    this.soc.show(soc_at_rest.status === "ok" ? hoursDrawn(soc_at_rest.hours, "%") : null);
    this.temperature.show(hoursDrawn(temperature, "°C"));
  }

  /** @param {any} answer soh_trend of GET battery @param {any|null} days GET series by days over the same window */
  showTrend(answer, days) {
    const trend = days && trendOf(answer, days);
    const points = trend ? `the mean of each of ${counted(trend.x.length, "day")}` : "";
    this.soh.show(trendDrawn(trend, "%", points, trend ? slope(answer.per_year, "a year") : ""));
  }

  close() {
    for (const chart of this.all) chart.close();
  }
}

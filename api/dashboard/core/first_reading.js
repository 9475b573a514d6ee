// Help where there is no reading yet: commands that publish one, ready to be copied.

import { button, make, setText } from "./element.js";
import { now, utc } from "./clock.js";
import { address } from "./api.js";
import { currentKey } from "./key.js";

const COPIED_MS = 1500;

const VIN = /^[A-Za-z0-9-]{5,40}$/;

/** @param {string} title @param {string} vin of the reading that is published */
export function firstReading(title, vin) {
  if (!VIN.test(vin)) {
    const why = "A VIN has 5 to 40 letters, digits and hyphens: no vehicle can have this one.";
    return make("section", { class: "panel empty" }, make("h2", {}, title), make("p", {}, why));
  }
  const reading = {
    ts: utc(Math.floor(now() / 1000) * 1000),
    soc: 64.2,
    soh: 97.1,
    pack_voltage: 352.4,
    pack_current: 48,
    max_temp: 31,
    min_temp: 27,
    odo_km: 1201.8,
  };
  const topic = `vehicles/${vin}/telemetry`;
  const mqtt = `mosquitto_pub -h ${location.hostname} -p 1883 -q 1 -t ${topic} -m '${JSON.stringify(reading)}'`;
  const key = currentKey() === null ? "" : ` -H "X-API-Key: $API_KEY"`;
  const body = JSON.stringify([{ vin, ...reading }]);
  const post = `curl -X POST ${address("telemetry")} -H "Content-Type: application/json"${key} -d '${body}'`;
  return make(
    "section",
    { class: "panel empty" },
    make("h2", {}, title),
    make("p", {}, "Publish a reading, and it appears here within seconds. Over MQTT, as a vehicle does:"),
    line(mqtt, "Copy the MQTT line"),
    make("p", {}, "Or by POST:"),
    line(post, "Copy the curl line"),
    make("p", { class: "muted" }, "The broker may listen elsewhere than on port 1883: ./scripts/demo.sh says where."),
  );
}

function line(text, label) {
  const code = make("code", {}, text);
  const copy = button("Copy", () => take(code, copy), { "aria-label": label });
  return make(
    "div",
    { class: "line" },
    make("pre", { tabindex: 0, role: "region", "aria-label": "A command" }, code),
    copy,
  );
}

async function take(code, copy) {
  try {
    await navigator.clipboard.writeText(code.textContent);
    setText(copy, "Copied");
    setTimeout(() => setText(copy, "Copy"), COPIED_MS);
  } catch {
    // Without HTTPS a browser refuses the clipboard: the text is selected, to be copied by hand.
    getSelection().selectAllChildren(code);
  }
}

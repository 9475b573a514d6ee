// Starts the page, and shows what the address names.

import { age } from "./core/clock.js";
import { currentKey, forgetKey } from "./core/key.js";
import { showOwnKey } from "./core/own_key.js";
import { startTheme } from "./core/theme.js";
import { parse } from "./core/place.js";
import { ChargingPage } from "./charging/charging_page.js";
import { showOpenEpisodes } from "./core/open_episodes.js";
import { EventsPage } from "./events/events_page.js";
import { FleetPage } from "./fleet/fleet_page.js";
import { VehiclePage } from "./vehicle/vehicle_page.js";

const main = document.getElementById("main");
const own = document.getElementById("own-key");
const forget = document.getElementById("forget-key");
let shown = null;

/** The VIN in an address; one that was cut in the middle of an escape is taken as it stands. */
function named(text) {
  try {
    return decodeURIComponent(text).toUpperCase();
  } catch {
    return text.toUpperCase();
  }
}

function show() {
  const { path, query } = parse(location.hash);
  if (path === "main") return;
  const vin = /^\/vehicle\/([^/]+)$/.exec(path)?.[1];
  if (shown?.path === path) {
    shown.page.update(query);
    return;
  }
  const moved = shown !== null;
  shown?.page.close();
  main.replaceChildren();
  scrollTo(0, 0);
  const page = vin ? new VehiclePage(main, named(vin), query) : pageOf(path, query);
  shown = { path, page };
  if (moved) main.focus({ preventScroll: true });
}

function pageOf(path, query) {
  if (path === "/events") return new EventsPage(main, query);
  return path === "/charging" ? new ChargingPage(main, query) : new FleetPage(main, query);
}

startTheme(document.getElementById("theme"));
forget.addEventListener("click", () => {
  forgetKey();
  location.reload();
});
addEventListener("hashchange", show);
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
setInterval(() => {
  age(main);
  forget.hidden = currentKey() === null;
  if (currentKey() !== null) showOwnKey(own);
}, 1000);
showOpenEpisodes(document.getElementById("events-link"));
show();

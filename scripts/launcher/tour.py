"""The demo's tour of an API: publish by POST and over MQTT, then show the stored state."""

import os
import shlex
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scripts.demo_cars.cars import CARS, HOT
from scripts.launcher import ports, screen
from scripts.launcher.broker_address import BrokerAddress
from scripts.launcher.dialect_view import VINS, show_dialect_cars
from scripts.launcher.http_client import CallError, Client
from scripts.launcher.launch_error import LaunchError
from scripts.launcher.module import Module
from scripts.launcher.vehicle import publish

BY_POST, BY_MQTT = "VIN-DEMO-001", "VIN-DEMO-002"
WINDOW = {"from_ts": "2026-01-24T11:59:00Z", "to_ts": "2026-01-24T12:10:00Z"}
READINGS: tuple[dict[str, Any], ...] = (
    {
        "ts": "2026-01-24T12:05:00Z",
        "soc": 18.0,
        "soh": 92.0,
        "pack_voltage": 310.1,
        "pack_current": 95.0,
        "max_temp": 52.0,
        "min_temp": 33.0,
        "odo_km": 1201.2,
    },
    {
        "ts": "2026-01-24T12:10:00Z",
        "soc": 35.5,
        "soh": 92.0,
        "pack_voltage": 315.0,
        "pack_current": 70.0,
        "max_temp": 32.0,
        "min_temp": 24.0,
        "odo_km": 1201.8,
    },
)
LIVE_S = 3.0
"""Least time of live readings after the cars' past."""
_STORED_WITHIN_S = 15
_CARS = {"q": "DEMO-", "page_size": "200"}
_PAST_WITHIN_S = 120


class Tour:
    """A tour of the API at `client`; `broker` feeds that API, `log` takes the output of the cars' program.

    `check` raises when one of our servers has died; None means that the servers are not ours, and that the
    broker may have no connection with the API. `mapping` is the worker's file for the cars in other dialects;
    None: the worker can't read them, and they don't publish.
    """

    def __init__(
        self,
        client: Client,
        broker: BrokerAddress,
        log: Path,
        *,
        check: Callable[[], None] | None = None,
        mapping: Path | None = None,
    ) -> None:
        self._client = client
        self._broker = broker
        self._log = log
        self._is_foreign = check is None
        self._check = check or (lambda: None)
        self._mapping = mapping
        self._mqtt_works = False
        self._cars = self._cars_program(log)
        self.goes_on = False
        """True once the cars have published their past and go on."""

    def invite(self) -> None:
        """Print the address of the dashboard."""
        screen.heading("Open", f"{self._client.base_url}/")

    def publish(self) -> None:
        """Send the demo readings by POST and over MQTT, and start the demo's cars, which go on publishing."""
        screen.heading("Publishing", "the same reading is never stored twice, however often it is sent")
        screen.step("by POST", self._post)
        if self._is_foreign and not ports.answers(self._broker.host, self._broker.port):
            print(f"  {'by MQTT':<12}skipped: no broker answers at {self._broker} (MQTT_HOST, MQTT_PORT)")
            return
        screen.step("by MQTT", self._optional(self._publish))
        if self._mqtt_works:
            screen.step("cars", self._optional(self._start_cars))

    def show(self) -> None:
        """Print health, latest and summary."""
        self._show_health()
        self._show_latest(BY_POST)
        self._show_summaries([BY_POST, BY_MQTT] if self._mqtt_works else [BY_POST])
        if self.goes_on:
            self._show_cars()
            if self._mapping is not None:
                show_dialect_cars(self._client, self._mapping)

    def check(self) -> None:
        """Raise LaunchError when a server of ours, or the cars' program, has died."""
        self._check()
        if self.goes_on and not self._cars.alive:
            raise self._cars.failure(f"The cars' program has died (exit code {self._cars.returncode}).")

    def close(self) -> None:
        """Stop the cars."""
        self._cars.stop()

    def open(self) -> None:
        """Print further addresses and commands."""
        base = self._client.base_url
        key = ' -H "X-API-Key: ${API_KEYS%%,*}"' if os.environ.get("API_KEYS") else ""
        screen.heading("Open")
        screen.lines(
            [
                ("dashboard", screen.paint(f"{base}/", "bold")),
                ("try the calls", f"{base}/docs"),
                ("all vehicles", f"{base}/api/vehicles"),
                ("health", f"{base}/api/health"),
            ]
        )
        screen.heading("Call and publish")
        print(f"  curl -s{key} {base}/api/vehicles/{BY_POST}/latest")
        if self._mqtt_works or not self._is_foreign:
            print(f"  {self._own_reading()}")

    def _post(self) -> str:
        answer = self._client.post("/api/telemetry", [{"vin": BY_POST, **reading} for reading in READINGS])
        inserted, duplicates = answer["inserted"], answer.get("duplicates", 0)
        if duplicates:
            return f"{BY_POST}: {inserted} new, {duplicates} there already (an earlier run sent the same)"
        return f"{BY_POST}: {inserted} readings stored"

    def _publish(self) -> str:
        known = self._newest(BY_MQTT) is not None
        deadline = time.monotonic() + _STORED_WITHIN_S
        while time.monotonic() < deadline:
            # Published repeatedly: a worker that has never subscribed before misses earlier messages, and
            # duplicates are stored once.
            publish(self._broker, BY_MQTT, READINGS)
            again = time.monotonic() + 2
            while time.monotonic() < again:
                if self._newest(BY_MQTT) == READINGS[-1]["ts"]:
                    self._mqtt_works = True
                    return f"{BY_MQTT}: 2 readings {'there already' if known else 'stored'}"
                self._check()
                time.sleep(0.05)
        raise LaunchError(
            f"The broker at {self._broker} took two readings, but the API at {self._client.base_url} does not"
            f" show them after {_STORED_WITHIN_S} s: does a worker connect the two?"
        )

    def _optional(self, run: Callable[[], str]) -> Callable[[], str]:
        """Wrap a step on a broker that may have no connection with this API: print a failure, and go on."""

        def result() -> str:
            try:
                return run()
            except CallError:
                raise
            except LaunchError as failed:
                return f"skipped: {failed}"

        return result if self._is_foreign else run

    def _cars_program(self, log: Path) -> Module:
        """Build the process of the cars' program."""
        env = {
            "MQTT_HOST": self._broker.host,
            "MQTT_PORT": str(self._broker.port),
            "MQTT_USERNAME": self._broker.username or "",
            "MQTT_PASSWORD": self._broker.password or "",
            "MQTT_TLS_CA_FILE": self._broker.tls_ca_file or "",
        }
        dialects = [] if self._mapping is None else ["--dialects"]
        cars = Module(
            "scripts.demo_cars", self._client.base_url, *dialects, log=log, env=env, name="cars' program"
        )
        cars.ready_within = _PAST_WITHIN_S
        return cars

    def _start_cars(self) -> str:
        began = datetime.now(UTC)
        self._cars.start()
        try:
            self._cars.wait_until(lambda: self._all_live(began))
            until = time.monotonic() + LIVE_S
            self._cars.wait_until(lambda: time.monotonic() > until)
        except BaseException:
            self._cars.stop()
            raise
        self.goes_on = True
        return f"{self._cars.tail(1)}; they go on"

    def _all_live(self, began: datetime) -> bool:
        """Return whether each car that goes on has a live reading: its past, sent before, is stored then."""
        self._check()
        time.sleep(0.1)
        seen = self._client.get("/api/vehicles", {"vin_prefix": "DEMO-"})
        live = {one["vin"] for one in seen["items"] if datetime.fromisoformat(one["ts"]) >= began}
        others = VINS if self._mapping is not None else frozenset()
        return live >= others | {demo_car.vin for demo_car in CARS if demo_car.is_live}

    def _newest(self, vin: str) -> str | None:
        try:
            return str(self._client.get(f"/api/vehicles/{vin}/latest")["ts"])
        except CallError as refused:
            if refused.status == 404:
                return None
            raise

    def _show_health(self) -> None:
        screen.heading("Health", "GET /api/health")
        health = self._client.get("/api/health")
        good = health["status"] == "OK"
        screen.lines(
            [
                ("service", screen.paint(health["status"], "green" if good else "red")),
                ("database", health["db"]),
            ]
        )

    def _show_latest(self, vin: str) -> None:
        screen.heading("Latest", f"GET /api/vehicles/{vin}/latest")
        state = self._client.get(f"/api/vehicles/{vin}/latest")
        current = screen.quantity(state["pack_current"], "A", signed=True)
        alerts = screen.alert_lines(state["alerts"]) or ["none"]
        screen.lines(
            [
                ("vehicle", state["vin"]),
                ("time", screen.moment(state["ts"])),
                ("state of charge", screen.quantity(state["soc"], "%")),
                ("state of health", screen.quantity(state["soh"], "%")),
                ("voltage", screen.quantity(state["pack_voltage"], "V")),
                ("current", f"{current}  {screen.flow(state['pack_current'])} (+ leaves the pack)"),
                ("power", screen.quantity(state["power_kw"], "kW", signed=True)),
                ("cell temperature", screen.span(state["min_temp"], state["max_temp"], "°C")),
                ("odometer", screen.quantity(state["odo_km"], "km")),
                *(("alerts" if place == 0 else "", alert) for place, alert in enumerate(alerts)),
            ]
        )

    def _show_summaries(self, vins: list[str]) -> None:
        screen.heading("Summary", "GET /api/vehicles/{vin}/summary, 2026-01-24 11:59:00 .. 12:10:00 UTC")
        rows = []
        for vin in vins:
            summary = self._client.get(f"/api/vehicles/{vin}/summary", WINDOW)
            charge = screen.span(summary["soc_min"], summary["soc_max"], "%")
            cells = screen.span(summary["temp_min"], summary["temp_max"], "°C")
            rows.append([vin, str(summary["samples"]), charge, cells])
        screen.table(["vehicle", "readings", "state of charge", "cell temperature"], rows)

    def _show_cars(self) -> None:
        screen.heading("Cars", "GET /api/fleet")
        known = {one["vin"]: one for one in self._client.get("/api/fleet", _CARS)["vehicles"]}
        widest = max(len(demo_car.description) for demo_car in CARS)
        rows = []
        for demo_car in CARS:
            car = known[demo_car.vin]
            state = car["connectivity"]["state"]
            rows.append(
                [
                    demo_car.vin,
                    demo_car.description.ljust(widest),
                    screen.car_flow(car) if state == "online" else state,
                    screen.quantity(car["soc"], "%"),
                    screen.quantity(car["max_temp"], "°C"),
                    screen.worst(car["alerts"]),
                ]
            )
        screen.table(
            ["car", "situation".ljust(widest), "energy flow", "charge", "hottest cell", "worst alert"], rows
        )
        path = f"/api/vehicles/{HOT.vin}/anomalies"
        hot = self._client.get(path, {"code": "TEMP_HIGH", "order": "desc", "limit": "1"})["items"]
        screen.heading("Which car overheats, and since when?", f"GET {path}")
        for episode in hot:
            ended = f"to {screen.moment(episode['ended_at'])}" if episode["ended_at"] else "and still"
            print(f"  {HOT.vin} since {screen.moment(episode['started_at'])}, {ended}. {episode['detail']}")

    def _own_reading(self) -> str:
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        reading = (
            f'{{"ts":"{now}","soc":64.2,"pack_voltage":352.4,"pack_current":-48,"max_temp":31,"min_temp":27}}'
        )
        words = ["mosquitto_pub", "-h", self._broker.host, "-p", str(self._broker.port), "-q", "1"]
        if self._broker.username:
            words += ["-u", self._broker.username, "-P", "..."]
        if self._broker.tls_ca_file:
            words += ["--cafile", self._broker.tls_ca_file]
        return shlex.join([*words, "-t", "vehicles/MY-CAR-001/telemetry", "-m", reading])

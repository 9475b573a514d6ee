"""The demo's story, told against any API of ours: publish by POST and over MQTT, then show what is stored."""

import os
import shlex
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scripts.launcher import ports, screen
from scripts.launcher.client import CallError, Client
from scripts.launcher.errors import LaunchError
from scripts.launcher.module import Module
from scripts.launcher.vehicle import BrokerAddress, publish

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
DRIVE_S = 5
_FLEET = ("--vehicles", "5")
_STORED_WITHIN_S = 15
_SHOWN_VEHICLES = 5


def fleet(log: Path, broker: BrokerAddress, *arguments: str) -> Module:
    """The simulator as a child, with five vehicles."""
    env = {
        "MQTT_HOST": broker.host,
        "MQTT_PORT": str(broker.port),
        "MQTT_USERNAME": broker.username or "",
        "MQTT_PASSWORD": broker.password or "",
        "MQTT_TLS_CA_FILE": broker.tls_ca_file or "",
    }
    return Module("scripts.simulate", *_FLEET, *arguments, log=log, env=env, name="simulated fleet")


class Tour:
    """`client` is the API, `broker` feeds it, `log` takes the simulator's output.

    `check` raises when one of our servers has died; None: they are somebody else's, and the broker may
    have nothing to do with the API.
    """

    def __init__(
        self, client: Client, broker: BrokerAddress, log: Path, *, check: Callable[[], None] | None = None
    ) -> None:
        self._client = client
        self._broker = broker
        self._log = log
        self._theirs = check is None
        self._check = check or (lambda: None)
        self._began = datetime.now(UTC)
        self._mqtt_works = False

    def publish(self) -> None:
        """Send the demo readings: by POST, over MQTT, and those of a small fleet."""
        screen.heading("Publishing", "the same reading is never stored twice, however often it is sent")
        screen.step("by POST", self._post)
        if self._theirs and not ports.answers(self._broker.host, self._broker.port):
            print(f"  {'by MQTT':<12}skipped: no broker answers at {self._broker} (MQTT_HOST, MQTT_PORT)")
            return
        screen.step("by MQTT", self._optional(self._publish))
        if self._mqtt_works:
            screen.step("fleet", self._drive)

    def show(self) -> None:
        """Health, latest and summary."""
        self._show_health()
        self._show_latest(BY_POST)
        self._show_summaries([BY_POST, BY_MQTT] if self._mqtt_works else [BY_POST])
        if self._mqtt_works:
            self._show_fleet()

    def open(self) -> None:
        """Where to go from here."""
        base = self._client.base_url
        key = ' -H "X-API-Key: ${API_KEYS%%,*}"' if os.environ.get("API_KEYS") else ""
        screen.heading("Open")
        screen.lines(
            [
                ("try the calls", f"{base}/docs"),
                ("all vehicles", f"{base}/api/vehicles"),
                ("health", f"{base}/api/health"),
            ]
        )
        screen.heading("Call and publish")
        print(f"  curl -s{key} {base}/api/vehicles/{BY_POST}/latest")
        if self._mqtt_works or not self._theirs:
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
            # Again and again: a worker that has never subscribed before misses what was sent earlier,
            # and what it gets twice is stored once.
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
        """For a broker that may have nothing to do with this API: say so, and go on."""

        def told() -> str:
            try:
                return run()
            except CallError:
                raise
            except LaunchError as failed:
                return f"skipped: {failed}"

        return told if self._theirs else run

    def _drive(self) -> str:
        simulator = fleet(self._log, self._broker, "--rate", "2", "--duration", str(DRIVE_S))
        try:
            simulator.start()
            simulator.wait_until(lambda: self._has_ended(simulator))
            if simulator.returncode:
                raise simulator.failure("The simulated fleet could not drive.")
        finally:
            simulator.stop()
        deadline = time.monotonic() + 5
        while not (seen := self._seen()) and time.monotonic() < deadline:
            time.sleep(0.1)
        return f"{len(seen)} simulated vehicles drove for {DRIVE_S} s"

    def _has_ended(self, simulator: Module) -> bool:
        self._check()
        return not simulator.alive

    def _newest(self, vin: str) -> str | None:
        try:
            return str(self._client.get(f"/api/vehicles/{vin}/latest")["ts"])
        except CallError as refused:
            if refused.status == 404:
                return None
            raise

    def _seen(self) -> list[dict[str, Any]]:
        since = self._began.isoformat()
        return list(self._client.get("/api/vehicles", {"seen_since": since})["items"])

    def _show_health(self) -> None:
        screen.heading("Health", "GET /api/health")
        told = self._client.get("/api/health")
        good = told["status"] == "OK"
        screen.lines(
            [("service", screen.paint(told["status"], "green" if good else "red")), ("database", told["db"])]
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
            told = self._client.get(f"/api/vehicles/{vin}/summary", WINDOW)
            charge = screen.span(told["soc_min"], told["soc_max"], "%")
            cells = screen.span(told["temp_min"], told["temp_max"], "°C")
            rows.append([vin, str(told["samples"]), charge, cells])
        screen.table(["vehicle", "readings", "state of charge", "cell temperature"], rows)

    def _show_fleet(self) -> None:
        seen = self._seen()
        more = f", {_SHOWN_VEHICLES} of them" if len(seen) > _SHOWN_VEHICLES else ""
        screen.heading("Fleet", f"GET /api/vehicles, seen since the start{more}")
        rows = [
            [
                vehicle["vin"],
                screen.quantity(vehicle["soc"], "%"),
                screen.quantity(vehicle["power_kw"], "kW", signed=True),
                screen.flow(vehicle["pack_current"]),
                screen.span(vehicle["min_temp"], vehicle["max_temp"], "°C"),
                ", ".join(alert["code"] for alert in vehicle["alerts"]) or "-",
            ]
            for vehicle in seen[:_SHOWN_VEHICLES]
        ]
        screen.table(["vehicle", "charge", "power", "energy flow", "cell temperature", "alerts"], rows)

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

"""The order of receipt does not matter: for any order, the four answers are the same."""

import random
from collections import Counter

import pytest
from sqlalchemy import text

from shared.storage.copy_backoff import CopyBackoff
from shared.storage.store_readings import store
from tests.diagnosed import PATH, lived_through

ANSWERS = (
    f"{PATH}/anomalies?limit=1000",
    f"{PATH}/sessions?limit=1000",
    f"{PATH}/battery",
    "/api/alerts",
)
PROFILE = {"series_cells": 96, "chemistry": "NMC", "capacity_ah": 60, "energy_kwh": 21.6}

LIFE = lived_through()


def asked(api):
    answers = [api.get(path).json() for path in ANSWERS]
    duplicates = answers[2]["quality"].pop("duplicates")
    return answers, duplicates


def told(engine, rows, *, at_once):
    """Store the readings in batches, as the worker and POST do; one transaction each."""
    caution, place = CopyBackoff(), 0
    while place < len(rows):
        size = at_once()
        with engine.begin() as connection:
            store(connection, rows[place : place + size], caution)
        place += size


def forget(engine):
    tables = (
        "telemetry, open_hours, closing_hours, closed_hours, closed_days, vehicle_latest, duplicate_counts"
    )
    with engine.begin() as connection:
        connection.execute(text(f"TRUNCATE {tables}, duplicate_counts"))


@pytest.fixture
def expected(api, engine):
    """Return the answers for readings once and in order; they contain results of each kind."""
    assert api.put(f"{PATH}/profile", json=PROFILE).status_code == 200
    told(engine, LIFE, at_once=lambda: 500)
    answers, duplicates = asked(api)
    anomalies, sessions, battery, alerts = answers
    codes = Counter(item["code"] for item in anomalies["items"])
    assert {"TEMP_HIGH", "SOC_LOW", "SOC_JUMP", "ODO_ZERO", "LATE_DATA"} <= set(codes)
    assert {item["kind"] for item in sessions["items"]} == {"drive", "charge"}
    assert (battery["quality"]["readings"], duplicates) == (len(LIFE), 0)
    assert battery["throughput"]["kwh_out"] > 1
    assert [item["code"] for item in alerts["items"]] == ["SOC_LOW"]
    return answers


def test_permuted_repeated_and_split(api, engine, expected):
    """In any order and batches, with some readings sent again, only the count of duplicates differs."""
    for seed in range(6):
        chance = random.Random(seed)
        again = chance.choices(LIFE, k=chance.choice([0, 30, 1_500]))
        rows = [*LIFE, *again]
        chance.shuffle(rows)
        forget(engine)
        told(engine, rows, at_once=lambda chance=chance: chance.choice([1, 3, 49, 50, 700, 5_000]))
        answers, duplicates = asked(api)
        assert answers == expected, seed
        assert duplicates == len(again), seed


def test_a_reading_that_is_missing_would_be_seen(api, engine, expected):
    """The comparison can fail: one reading less, or one value changed, and the answers differ."""
    for rows in (LIFE[:700] + LIFE[701:], [*LIFE[:-1], LIFE[-1]._replace(soc=3.0)]):
        forget(engine)
        told(engine, rows, at_once=lambda: 500)
        assert asked(api)[0] != expected

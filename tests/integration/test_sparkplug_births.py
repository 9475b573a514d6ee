"""Births of Sparkplug devices in the database: the last one of each, for any worker."""

import threading
from datetime import timedelta

from shared.storage.engine import writer_engine
from shared.storage.sparkplug_births import ReceivedBirth, keep_births, load_birth, nodes_of_edge
from shared.wire.sparkplug_birth import Birth, BirthMetric
from tests.readings import START

FIRST = Birth([BirthMetric("Battery/SoC", 1, 9), BirthMetric("Battery/Current", 2, 2)])
SECOND = Birth([BirthMetric("Battery/Current", 1, None), BirthMetric("Größe\ufffd", None, 2**32 - 1)])


def keep(engine, node, birth, second=0):
    with engine.begin() as connection:
        keep_births(connection, {node: ReceivedBirth(birth, START + timedelta(seconds=second))})


def load(engine, node):
    with engine.connect() as connection:
        return load_birth(connection, node)


def test_a_birth_is_loaded_as_it_was(engine):
    """Names, aliases of 64 bits, and datatypes; none is known at first."""
    assert load(engine, "g/e/d") is None
    for birth in (FIRST, SECOND, Birth([BirthMetric("x", 2**64 - 1, 10)]), Birth([])):
        keep(engine, "g/e/d", birth)
        assert load(engine, "g/e/d") == birth


def test_the_last_birth_counts(engine):
    """It replaces all metrics; an older one that arrives later changes nothing."""
    keep(engine, "g/e/d", FIRST, 5)
    keep(engine, "g/e/d", SECOND, 9)
    assert load(engine, "g/e/d").aliases == {1: "Battery/Current"}
    keep(engine, "g/e/d", FIRST, 8)
    assert load(engine, "g/e/d") == SECOND


def test_the_nodes_of_an_edge_node(engine):
    """Those of other edge nodes are not among them, also where a name holds wildcards of LIKE."""
    for node in ("g/e/2", "g/e/1", "g/e2/1", "g/%/1", "g/_/1", "G/e/1", "gg/e/1"):
        keep(engine, node, FIRST)
    with engine.connect() as connection:
        assert nodes_of_edge(connection, "g/e") == ["g/e/1", "g/e/2"]
        assert nodes_of_edge(connection, "g/%") == ["g/%/1"]
        assert nodes_of_edge(connection, "g/_") == ["g/_/1"]
        assert nodes_of_edge(connection, "g/x") == []


def test_no_births_are_no_statement(engine):
    """An empty batch is usual."""
    with engine.begin() as connection:
        keep_births(connection, {})


def test_workers_that_store_the_same_nodes_do_not_deadlock(database_url, engine):
    """Each statement takes its rows in the order of the key."""
    nodes = [f"g/e/{number}" for number in range(50)]
    errors = []

    def store(order):
        own = writer_engine(database_url, name="rival")
        try:
            for second in range(20):
                with own.begin() as connection:
                    births = {node: ReceivedBirth(FIRST, START + timedelta(seconds=second)) for node in order}
                    keep_births(connection, births)
        except Exception as error:  # noqa: BLE001 - of a thread
            errors.append(error)
        own.dispose()

    rivals = [threading.Thread(target=store, args=(order,)) for order in (nodes, nodes[::-1])]
    for rival in rivals:
        rival.start()
    for rival in rivals:
        rival.join()
    assert errors == []
    with engine.connect() as connection:
        assert len(nodes_of_edge(connection, "g/e")) == 50

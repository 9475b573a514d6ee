"""The list of faults, in the order of the table."""

from scripts.faults import dialects, kills, links, overload, sessions, states
from scripts.faults.fault import Fault

_SAVES_EACH_CHANGE = {"autosave_on_changes": "true", "autosave_interval": "1"}
_SAVES_NOTHING = {"persistence": "false"}

FAULTS = [
    Fault("none", kills.nothing, "nothing breaks"),
    Fault("worker-kill", kills.worker_kill, "kill -9 of the worker, 3 times"),
    Fault("worker-kill-at-commit", kills.worker_kill_at_commit, "kill -9 of the worker in a transaction"),
    Fault("worker-stop", kills.worker_stop(10), "worker frozen (SIGSTOP) for 10 s"),
    Fault("worker-stop-30s", kills.worker_stop(30), "worker frozen for 30 s", usual=False),
    Fault(
        "sigterm-load",
        kills.worker_term,
        "SIGTERM of the worker under load, twice",
        # One batch: INGEST_BATCH_MS of the usual load, and as much again.
        redelivers_at_most=200,
    ),
    Fault("poison-mixed", kills.worker_kill, "1 % bad readings, and kill -9 of the worker", poison_every=100),
    Fault(
        "shared-group",
        kills.group_member_kill,
        "two workers in one $share group, one killed",
        workers=2,
        shared_group=True,
    ),
    Fault(
        "torn-readings",
        kills.torn_readings,
        "one signal a message to two workers; kill -9 of each, and of PostgreSQL",
        workers=2,
        shared_group=True,
        torn=True,
    ),
    Fault(
        "dialect-kill",
        dialects.dialect_kill,
        "three dialects; kill -9 of the worker, 8 times, 4 of them between COMMIT and PUBACK",
        database_by_proxy=True,
        dialects=True,
    ),
    Fault("two-writers", sessions.two_writers, "two workers that both receive everything", workers=2),
    Fault("postgres-kill", kills.postgres_kill, "kill -9 of PostgreSQL, twice"),
    Fault("postgres-down-5s", kills.postgres_down(5), "PostgreSQL away for 5 s", answers_within_s=3),
    Fault(
        "postgres-down-60s",
        kills.postgres_down(60),
        "PostgreSQL away for 60 s",
        answers_within_s=3,
        usual=False,
    ),
    Fault(
        "slow-database",
        states.slow_database,
        "table locked for longer than the lock timeout",
        leaves_trace="55P03",
    ),
    Fault("read-only", states.read_only, "PostgreSQL is a standby for a while", leaves_trace="25006"),
    Fault(
        "connections-exhausted",
        states.connections_exhausted,
        "others hold every connection",
        leaves_trace="too many clients",
    ),
    Fault("disk-full", states.disk_full, "no byte left for the table, then freed", leaves_trace="53100"),
    Fault(
        "commit-cut",
        links.commit_cut,
        "link cut between a COMMIT and its answer, 5 times",
        database_by_proxy=True,
        leaves_trace="Next try in",
    ),
    Fault("database-hangs", links.database_hangs, "link to PostgreSQL stands still", database_by_proxy=True),
    Fault(
        "database-slow-12s",
        links.database_slow,
        "each answer of PostgreSQL takes 12 s, for two transactions",
        database_by_proxy=True,
        usual=False,
    ),
    Fault(
        "broker-half-open",
        links.broker_half_open,
        "link to the broker swallows everything for 10 s",
        broker_by_proxy=True,
    ),
    Fault("broker-term", kills.broker_term, "SIGTERM of the broker, twice"),
    Fault(
        "broker-kill-durable",
        kills.broker_kill_durable,
        "kill -9 of a broker that saves each change, 3 times",
        broker=_SAVES_EACH_CHANGE,
        at_most=100,
        # One for each kill: the broker reads one message of a publisher, acknowledges, then saves.
        broker_loses_at_most=3,
    ),
    Fault(
        "broker-kill-receipts",
        kills.broker_kill_with_receipts,
        "kill -9 of the broker as shipped, twice, with receipts: no loss",
        confirm=True,
    ),
    Fault(
        "broker-kill-locked",
        kills.broker_kill_while_locked,
        "kill -9 of worker and a broker that saves nothing while the database is locked, with receipts",
        confirm=True,
        # A save between a receipt and the kill, one time in three, would hide a receipt that came too early.
        broker=_SAVES_NOTHING,
    ),
    Fault("all-killed", kills.all_killed, "kill -9 of everything, twice, with receipts", confirm=True),
    Fault("broker-kill", kills.broker_kill, "kill -9 of the broker as shipped, twice: a bounded loss"),
    Fault(
        "session-lost",
        sessions.session_lost,
        "kill -9 of a broker that saves nothing: it loses what it held",
        broker=_SAVES_NOTHING,
    ),
    Fault(
        "packet-ids-restart",
        sessions.packet_ids_restart,
        "the same during a transaction, then kill -9 of the worker",
        broker=_SAVES_NOTHING,
        starts_load=True,
    ),
    Fault(
        "api-overload",
        overload.api_overload(freezes=False),
        "40 clients of costly calls, 8 of latest, 8 of POST for 30 s; an API with a pool of 2",
    ),
    Fault(
        "api-overload-frozen",
        overload.api_overload(freezes=True),
        "the same, and PostgreSQL frozen (SIGSTOP) for 5 s in the middle",
    ),
    Fault("all-mixed", kills.all_mixed, "worker and PostgreSQL killed, broker ended, in random order"),
    Fault(
        "endurance",
        kills.endurance(1_000_000),
        "a million readings: the worker's memory stays as it is",
        at_least=4_000,
        usual=False,
    ),
]


def named(names: str | None) -> list[Fault]:
    """Return the faults of a comma-separated list, of `all`, or the usual ones. Raises ValueError."""
    if not names:
        return [fault for fault in FAULTS if fault.usual]
    if names == "all":
        return list(FAULTS)
    known = {fault.name: fault for fault in FAULTS}
    chosen = [name.strip() for name in names.split(",")]
    unknown = [name for name in chosen if name not in known]
    if unknown:
        raise ValueError(f"no such fault: {', '.join(unknown)} (--list names them)")
    return [known[name] for name in chosen]

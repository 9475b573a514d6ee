"""mq-bridge: a route from MQTT at QoS 1 into a table, by INSERT ... ON CONFLICT DO NOTHING or by COPY."""

import logging
import sys

from scripts.bench.peer_programs.peer_arguments import (
    CLIENT_ID,
    COLUMNS,
    KEEP_ALIVE_S,
    TABLE,
    TOPIC,
    peer_arguments,
)

# Half of the broker's window, as the worker's transactions.
_BATCH = 2_000
# As many as MQTT allows in flight. After a restart the broker first sends again all that was in flight: with
# a smaller queue mq-bridge 1.2.0 waits for a place in it, never reads that it has subscribed, and gives up.
_QUEUE = 65_535


def main() -> int:
    """Run the route until the process is killed."""
    settings = peer_arguments("bridge_route", "insert", "copy")
    # Only the peer's environment has the package, and `--help` must work without it.
    import mq_bridge  # noqa: PLC0415

    logging.basicConfig(level=logging.WARNING)
    mq_bridge.init_logging("warn")
    values = ", ".join(f"${{payload:{column}}}" for column in COLUMNS)
    query = f"INSERT INTO {TABLE} ({', '.join(COLUMNS)}) VALUES ({values})"  # noqa: S608 - of our own columns
    is_copy = settings.form == "copy"
    mqtt = {
        "url": f"tcp://{settings.host}:{settings.port}",
        "topic": TOPIC,
        "client_id": CLIENT_ID,
        "qos": 1,
        "clean_session": False,
        # Measured: faster than its default, version 5.
        "protocol": "v3",
        "keep_alive_seconds": KEEP_ALIVE_S,
        "queue_capacity": _QUEUE,
        "max_inflight": _BATCH,
    }
    table = {
        "url": settings.database_url,
        "table": TABLE,
        "insert_query": query if is_copy else f"{query} ON CONFLICT DO NOTHING",
        "bulk_copy": is_copy,
    }
    route = mq_bridge.Route.from_config(
        {"input": {"mqtt": mqtt}, "output": {"sqlx": table}, "batch_size": _BATCH}, "readings"
    )
    route.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())

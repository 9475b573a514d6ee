"""Pathway: MQTT at QoS 1 with persistence into a snapshot table with the key (vin, ts)."""

import sys
from urllib.parse import urlsplit

from scripts.bench.peer_programs.peer_arguments import (
    CLIENT_ID,
    KEEP_ALIVE_S,
    SIGNALS,
    TABLE,
    TOPIC,
    peer_arguments,
)

# Pathway acknowledges what a commit covers, and the broker sends no more than its window ahead: with the
# default of 1,500 ms a window of 4,000 messages would allow 2,700 messages/s.
_COMMIT_MS = 20


def main() -> int:
    """Run the pipeline until the process is killed."""
    settings = peer_arguments("pathway_pipe", "snapshot")
    # Only the peer's environment has the package, and `--help` must work without it.
    import pathway as pw  # noqa: PLC0415

    database = urlsplit(settings.database_url)
    columns = {"vin": str, "ts": str, **dict.fromkeys(SIGNALS, float)}
    readings = pw.io.mqtt.read(
        f"mqtt://{settings.host}:{settings.port}/?client_id={CLIENT_ID}&keep_alive_secs={KEEP_ALIVE_S}",
        TOPIC,
        qos=1,
        schema=pw.schema_from_types(**columns),
        format="json",
        autocommit_duration_ms=_COMMIT_MS,
        name="readings",
    )
    pw.io.postgres.write(
        readings,
        {
            "host": database.hostname,
            "port": database.port,
            "dbname": database.path[1:],
            "user": database.username,
        },
        TABLE,
        output_table_type="snapshot",
        primary_key=[readings.vin, readings.ts],
    )
    pw.run(
        monitoring_level=pw.MonitoringLevel.NONE,
        persistence_config=pw.persistence.Config(pw.persistence.Backend.filesystem(settings.folder)),
        # One line of log for each of its commits would cost time.
        default_logging=False,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())

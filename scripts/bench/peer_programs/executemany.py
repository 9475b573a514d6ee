"""The consumer of many tutorials: paho acknowledges by itself, psycopg inserts 500 rows at a time."""

import json
import sys
from typing import Any

from scripts.bench.peer_programs.peer_arguments import (
    CLIENT_ID,
    COLUMNS,
    KEEP_ALIVE_S,
    TABLE,
    TOPIC,
    PeerArguments,
    peer_arguments,
)

_ROWS = 500
_IDLE_S = 0.2
_INSERT = (
    f"INSERT INTO {TABLE} ({', '.join(COLUMNS)}) VALUES ({', '.join(['%s'] * len(COLUMNS))})"  # noqa: S608
    " ON CONFLICT DO NOTHING"
)


def main() -> int:
    """Consume until the process is killed, or the database is lost."""
    _consume(peer_arguments("executemany", "insert"))
    return 0


def _consume(settings: PeerArguments) -> None:
    # Imported here, as in the other programs: `--help` needs no package.
    import psycopg  # noqa: PLC0415
    from paho.mqtt.client import Client, MQTTv311  # noqa: PLC0415
    from paho.mqtt.enums import CallbackAPIVersion  # noqa: PLC0415

    rows: list[tuple[Any, ...]] = []
    connection = psycopg.connect(settings.database_url)

    def store() -> None:
        with connection.cursor() as cursor:
            cursor.executemany(_INSERT, rows)
        connection.commit()
        rows.clear()

    def on_message(_client: Client, _userdata: Any, message: Any) -> None:
        reading = json.loads(message.payload)
        rows.append(tuple(reading.get(column) for column in COLUMNS))
        if len(rows) >= _ROWS:
            store()

    client = Client(CallbackAPIVersion.VERSION2, client_id=CLIENT_ID, protocol=MQTTv311, clean_session=False)
    client.on_message = on_message
    client.connect(settings.host, settings.port, KEEP_ALIVE_S)
    client.subscribe(TOPIC, qos=1)
    while True:
        waiting = len(rows)
        if code := client.loop(timeout=_IDLE_S):
            raise SystemExit(f"The connection to the broker was lost: {code!s}.")
        if waiting and len(rows) == waiting:
            store()


if __name__ == "__main__":
    sys.exit(main())

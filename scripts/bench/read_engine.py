"""DuckDB or chDB over a Parquet file, as a small HTTP service: a POST of a query is answered with its time.

The program runs in the environment of its engine, where this project's packages are not installed: it imports
from the project only modules that need nothing but Python.
"""

# ruff: noqa: S608 - file names of the benchmark's own

import csv
import importlib
import json
import math
import sys
import tempfile
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from shared.command_arguments import command_parser, whole_number

Query = Callable[[str], list[list[Any]]]

_SUMMED = 3


class DuckDb:
    """DuckDB in memory, with the file as the view `telemetry`; times are UTC without a zone."""

    def __init__(self, source: str, parquet: str) -> None:
        module: Any = importlib.import_module("duckdb")
        self._connection = module.connect()
        if not Path(parquet).exists():
            self._connection.execute(
                f"COPY (SELECT * FROM read_csv('{source}', header = true, types = {{'ts': 'TIMESTAMP',"
                " 'received_at': 'TIMESTAMP', 'soc': 'DOUBLE', 'soh': 'DOUBLE', 'pack_voltage': 'DOUBLE',"
                " 'pack_current': 'DOUBLE', 'max_temp': 'DOUBLE', 'min_temp': 'DOUBLE',"
                f" 'odo_km': 'DOUBLE'}})) TO '{parquet}' (FORMAT parquet, COMPRESSION zstd)"
            )
        self._connection.execute(f"CREATE VIEW telemetry AS SELECT * FROM read_parquet('{parquet}')")

    def rows(self, sql: str) -> list[list[Any]]:
        """Run a query and return its rows."""
        return [list(row) for row in self._connection.execute(sql).fetchall()]

    def write(self, sql: str, path: str) -> None:
        """Write a query's rows to a file as CSV."""
        self._connection.execute(f"COPY ({sql}) TO '{path}' (FORMAT csv, HEADER false)")


class ChDb:
    """A session of chDB, with the file as the view `telemetry`."""

    def __init__(self, source: str, parquet: str) -> None:
        module: Any = importlib.import_module("chdb.session")
        self._session = module.Session()
        time = r"DateTime64(6, \'UTC\')"
        signals = ("soc", "soh", "pack_voltage", "pack_current", "max_temp", "min_temp", "odo_km")
        columns = ", ".join(
            ["vin String", f"ts {time}", f"received_at {time}", *(f"{name} Float64" for name in signals)]
        )
        if not Path(parquet).exists():
            self._session.query(
                f"INSERT INTO FUNCTION file('{parquet}', Parquet) SELECT * FROM file('{source}',"
                f" CSVWithNames, '{columns}')"
            )
        self._session.query(f"CREATE VIEW telemetry AS SELECT * FROM file('{parquet}', Parquet, '{columns}')")

    def rows(self, sql: str) -> list[list[Any]]:
        """Run a query and return its rows."""
        answer = str(self._session.query(sql, "JSONCompactEachRow"))
        return [json.loads(line) for line in answer.splitlines()]

    def write(self, sql: str, path: str) -> None:
        """Write a query's rows to a file as CSV."""
        self._session.query(f"{sql} INTO OUTFILE '{path}' TRUNCATE FORMAT CSV")


ENGINES: dict[str, type[DuckDb | ChDb]] = {"duckdb": DuckDb, "chdb": ChDb}


def counted(path: str) -> list[list[Any]]:
    """Return the number of lines of a CSV file and the sum of its soc."""
    with Path(path).open(newline="") as lines:
        values = [float(line[_SUMMED]) for line in csv.reader(lines)]
    return [[len(values), math.fsum(values)]]


def main() -> int:
    """Serve until the process is ended."""
    parser = command_parser(
        "python -m scripts.bench.read_engine",
        "An engine that the API is compared with, over HTTP on 127.0.0.1. The benchmark `reads` starts it.",
        examples=["duckdb readings.csv readings.parquet 8001"],
    )
    parser.add_argument("engine", choices=ENGINES, metavar="ENGINE", help=" or ".join(ENGINES))
    parser.add_argument("source", metavar="CSV", help="file of the readings, with a line of names")
    parser.add_argument("parquet", metavar="PARQUET", help="file of the same; made where it is missing")
    parser.add_argument(
        "port", type=whole_number(1, 65_535), metavar="PORT", help="on which queries are taken"
    )
    arguments = parser.parse_args()
    engine = ENGINES[arguments.engine](arguments.source, arguments.parquet)

    class Handler(BaseHTTPRequestHandler):
        """Handler that runs the query of a POST: {"sql", "is_file", "wants_rows"}."""

        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            rows: list[list[Any]] = []
            with tempfile.TemporaryDirectory() as folder:
                path = f"{folder}/rows.csv"
                began = time.perf_counter()
                if asked["is_file"]:
                    engine.write(asked["sql"], path)
                else:
                    rows = engine.rows(asked["sql"])
                took = time.perf_counter() - began
                if asked["is_file"] and asked["wants_rows"]:
                    rows = counted(path)
            answer = {"seconds": took, "rows": rows if asked["wants_rows"] else []}
            body = json.dumps(answer, default=str).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            """Log no request."""

    HTTPServer(("127.0.0.1", arguments.port), Handler).serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())

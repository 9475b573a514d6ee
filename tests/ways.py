"""The ways into the tables: by COPY or by other inserts, for any number of rows."""

from shared.storage import keep_latest, store_readings


def copy_from(monkeypatch, rows):
    """Set the number of rows, and of marks, from which COPY is used; 1: always."""
    monkeypatch.setattr(store_readings, "LEAST_ROWS_TO_COPY", rows)
    monkeypatch.setattr(keep_latest, "LEAST_ROWS_TO_COPY", rows)
    monkeypatch.setattr(keep_latest, "LEAST_HOURS_TO_ASK", rows)

"""Statements about the extent of a vehicle's readings, from keys and rollups instead of the readings."""

FIRST_AND_LAST = """
    SELECT (SELECT min(ts) FROM telemetry WHERE vin = %(vin)s),
        (SELECT max(ts) FROM telemetry WHERE vin = %(vin)s)
"""
NEIGHBOURS = """
    SELECT (SELECT max(ts) FROM telemetry WHERE vin = %(vin)s AND ts < %(from_ts)s),
        (SELECT min(ts) FROM telemetry WHERE vin = %(vin)s AND ts > %(to_ts)s)
"""


def _start_within(table: str, start: str) -> str:
    return f"""
        SELECT min({start}) FILTER (WHERE so_far <= %(most)s) FROM (
            SELECT {start}, sum(samples) OVER (ORDER BY {start} DESC) AS so_far FROM {table}
            WHERE vin = %(vin)s AND {start} <= %(to_ts)s
                AND {start} >= date_trunc('{start}', %(from_ts)s::timestamptz, 'UTC')
        ) AS starts HAVING max(so_far) > %(most)s
    """  # noqa: S608 - of our own tables


START_BY_DAYS, START_BY_HOURS = (
    _start_within("telemetry_daily", "day"),
    _start_within("telemetry_hourly", "hour"),
)

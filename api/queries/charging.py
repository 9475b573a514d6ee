"""Charging in SQL: the one rule by which a vehicle is called charging now."""

from api.queries.connectivity import FROM_VEHICLES, STATE_SQL
from shared.value_ages import CHARGING_CURRENT_AGE, ODOMETER_AGE

MIN_CHARGING_A = 2.0
_STANDS = "interval '2 minutes'"
_CURRENT_AGE = f"interval '{CHARGING_CURRENT_AGE.total_seconds():g} seconds'"
_ODOMETER_AGE = f"interval '{ODOMETER_AGE.total_seconds():g} seconds'"
_CURRENT_IS_OF_NOW = f"coalesce(pack_current_at >= latest.ts - {_CURRENT_AGE}, true)"

FROM_VEHICLES_AND_PROFILES = f"{FROM_VEHICLES} LEFT JOIN vehicle_profiles AS profile USING (vin)"

# The current first: the readings of two minutes are looked up for the few vehicles that take in that much.
CHARGING_SQL = f"""
    (coalesce(pack_current * coalesce(profile.current_sign, 1) <= -{MIN_CHARGING_A}, false)
        AND {_CURRENT_IS_OF_NOW}
        AND {STATE_SQL} = 'online'
        AND coalesce(odo_km - (
            SELECT earlier.odo_km FROM telemetry AS earlier
            WHERE earlier.vin = latest.vin AND earlier.odo_km IS NOT NULL
                AND earlier.ts >= least(latest.ts - {_STANDS}, (
                    SELECT ts FROM telemetry AS one_before
                    WHERE one_before.vin = latest.vin AND one_before.odo_km IS NOT NULL
                        AND one_before.ts < coalesce(odo_km_at, latest.ts)
                        AND one_before.ts >= latest.ts - {_ODOMETER_AGE}
                    ORDER BY ts DESC LIMIT 1
                ))
            ORDER BY earlier.ts LIMIT 1
        ) <= 0, true))
"""  # noqa: S608 - our own columns
"""True where 2 A or more go into the pack of an online vehicle whose odometer, where known, stood still.

The current is at most 15 minutes older than the newest reading. The odometer stood still over two minutes;
one that came less often, since the value before its last one, within 15 minutes.

An expression over FROM_VEHICLES_AND_PROFILES with the parameters of `connectivity.parameters`.
"""

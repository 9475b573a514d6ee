"""Which vehicles' newest readings need a person."""

from collections.abc import Sequence
from typing import Any

from api.pool import Connection
from api.queries.vehicles import READING
from shared.diagnostics.alerts import AlertThresholds

# The mildest limits; what exactly an alert is, one place says: `shared.diagnostics.alerts`. Half a millionth
# off for the difference of two temperatures, which that place rounds.
_SUSPECTS = f"""
    SELECT {READING} FROM vehicle_latest
    WHERE soc <= %(soc)s OR soh < %(soh)s OR max_temp >= %(temp)s OR max_temp - min_temp >= %(spread)s - 5e-7
"""  # noqa: S608 - our own columns


async def suspects(connection: Connection, at: AlertThresholds) -> Sequence[tuple[Any, ...]]:
    """The newest reading of each vehicle that may have an alert. The whole fleet is looked at."""
    values = {
        "soc": max(at.soc_low_info, at.soc_low_warning, at.soc_low_critical),
        "soh": max(at.soh_low_warning, at.soh_low_critical),
        "temp": min(at.temp_high_warning, at.temp_high_critical),
        "spread": min(at.temp_spread_warning, at.temp_spread_critical),
    }
    return await (await connection.execute(_SUSPECTS, values, binary=True)).fetchall()

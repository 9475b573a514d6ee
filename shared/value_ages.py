"""Greatest ages, and distances in time, of a vehicle's newest values that are used together."""

from datetime import timedelta

POWER_SPAN = timedelta(seconds=10)
"""Greatest time between voltage and current of which a power is computed."""

TEMPERATURES = ("max_temp", "min_temp")

TEMPERATURE_AGE = timedelta(minutes=15)
"""Age, before the newest reading, from which on a temperature takes no part in alerts."""

CHARGING_CURRENT_AGE = timedelta(minutes=15)
"""Age, before the newest reading, from which on a current says nothing of charging."""

ODOMETER_AGE = timedelta(minutes=15)
"""Age, before the newest reading, from which on an odometer's value is not compared with the newest one."""

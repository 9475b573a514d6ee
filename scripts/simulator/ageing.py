"""The ageing of a pack: loss of health by the calendar and by throughput.

The exponents are those of NREL's BLAST-Lite for NCA cells. The coefficients are [our choice]: with 12,000 km
a year (some 75 full cycles) 2.6 % are lost in the first year, and about 9 % in eight.
"""

_CALENDAR_LOSS = 1.8
"""% in the first year"""
_CALENDAR_EXPONENT = 0.512
_CYCLE_LOSS = 1.0
"""% in the first 100 cycles"""
_CYCLE_EXPONENT = 0.699


def health(age_days: float, cycles: float, pace: float = 1.0) -> float:
    """Return the state of health (%) after `age_days` and `cycles` equivalent full cycles.

    `pace` is the factor by which this pack ages faster (or slower) than the average.
    """
    calendar: float = _CALENDAR_LOSS * (age_days / 365) ** _CALENDAR_EXPONENT
    cycling: float = _CYCLE_LOSS * (cycles / 100) ** _CYCLE_EXPONENT
    return max(0.0, 100 - pace * (calendar + cycling))

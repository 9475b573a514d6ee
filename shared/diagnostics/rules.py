"""The table of all rules; docs/diagnostics.md, Rules, explains thresholds, debounce and sources.

[M]: measured on real cars' logs. [C]: our choice, without a source.
"""

from shared.diagnostics.alerts import Severity
from shared.diagnostics.rule import Code, Level, Rule

_INFO, _WARNING, _CRITICAL = Severity.INFO, Severity.WARNING, Severity.CRITICAL

# fmt: off
# Not formatted, so that a rule takes few lines.
RULES: dict[Code, Rule] = {
    rule.code: rule
    for rule in (
        Rule(
            code=Code.TEMP_HIGH, observed="hottest cell", unit="°C", sets=">=", clears="<",
            levels=(Level(_WARNING, 50, 45), Level(_CRITICAL, 60, 55)), readings=2, seconds=10,
            signals=("max_temp",), source="foxBMS, common BMS headers",
            meaning="A cell is hotter than is good for it.",
        ),
        Rule(
            code=Code.TEMP_HIGH_CHARGING, observed="hottest cell while charging", unit="°C", sets=">=",
            clears="<", levels=(Level(_WARNING, 45, 40),), readings=2, seconds=10,
            signals=("max_temp", "pack_current"), source="foxBMS",
            meaning="The battery is charged while a cell is hot.",
        ),
        Rule(
            code=Code.COLD_CHARGING, observed="coldest cell while charging", unit="°C", sets="<",
            clears=">=", levels=(Level(_WARNING, 0, 5),), readings=2, seconds=60,
            numbers={"charging_c": 0.05, "charging_a_without_capacity": 5},
            signals=("min_temp", "pack_current"), source="BMS practice",
            meaning="The battery is charged below freezing, which can plate lithium.",
        ),
        Rule(
            code=Code.TEMP_SPREAD, observed="hottest less coldest cell", unit="°C", sets=">=", clears="<",
            levels=(Level(_WARNING, 10, 8), Level(_CRITICAL, 20, 16)), readings=2, seconds=2,
            signals=("max_temp", "min_temp"),
            source="20: an OEM back end; 10 [C]; real Leaf at most 2.5 [M]",
            meaning="The cells are not equally warm: cooling or a cell is at fault.",
        ),
        Rule(
            code=Code.TEMP_RISE, observed="rise of the hottest cell", unit="°C/min", sets=">=", clears="<",
            levels=(Level(_WARNING, 5, 2),), readings=1,
            numbers={"shortest_window_s": 30, "longest_window_s": 60, "fewest_readings": 3},
            signals=("max_temp",),
            source="[C]; a neighbour difference would fire 50 times on real spikes [M]",
            meaning="A cell heats up faster than use explains.",
        ),
        Rule(
            code=Code.THERMAL_EVENT, observed="rise of the hottest cell", unit="°C/s", sets=">=",
            levels=(Level(_CRITICAL, 1),), readings=2,
            numbers={
                "longer_than_s": 3, "max_temp_c": 60, "voltage_fall_share": 0.25, "rise_of_interval_c": 60,
                "holds_s": 30, "holds_above_c": 10,
            },
            signals=("max_temp",),
            source="GB 38031; 0 false alarms in 80,441 real rows [M]; slower than the rise itself: [C]",
            meaning="The battery heats up as in a thermal runaway. The episode never clears.",
        ),
        Rule(
            code=Code.HEATING_AT_REST, observed="rise of the hottest cell at rest", unit="°C/min", sets=">=",
            clears="<", levels=(Level(_WARNING, 0.2, 0.1),), readings=1,
            numbers={
                "most_a": 2, "rested_s": 1200, "window_s": 600, "fewest_readings": 3, "least_own_share": 0.5,
                "heaters_up_to_c": 25,
            },
            signals=("max_temp", "pack_current"),
            source="[C]; ambient air 50 °C warmer heats a pack of 130 kJ/K [M] by 0.09 at most",
            meaning="A cell heats up although no current flows: an early sign of a fault inside.",
        ),
        Rule(
            code=Code.SOC_LOW, observed="state of charge", unit="%", sets="<=", clears=">=",
            levels=(Level(_INFO, 20, 22), Level(_WARNING, 10, 12), Level(_CRITICAL, 5, 7)), readings=2,
            signals=("soc",), source="TeslaMate 20, OVMS +2",
            meaning="The battery is nearly empty.",
        ),
        Rule(
            code=Code.SOC_JUMP, observed="step of the state of charge", unit="%", sets=">",
            levels=(Level(_WARNING, 5),),
            numbers={"longest_interval_s": 60, "unexplained_percent": 2, "explained_factor": 1.5},
            signals=("soc", "pack_current"), profile=(("capacity_ah",),),
            source="GB/T 32960 alarm bit 8; 16 real glitches [M]",
            meaning="The state of charge changed by more than the current explains.",
        ),
        Rule(
            code=Code.SOC_RECALIBRATED, observed="step of the state of charge up to nearly full", unit="%",
            sets=">", levels=(Level(_INFO, 5),),
            numbers={"least_before_percent": 70, "least_after_percent": 97, "most_a_out": 2},
            signals=("soc", "pack_current"), profile=(("capacity_ah",),),
            source="[C]; battery management systems of LFP cells correct soc when the cells are full",
            meaning="The vehicle corrected its state of charge at a full battery.",
        ),
        Rule(
            code=Code.PACK_OVERVOLT, observed="mean cell voltage", unit="V", sets=">", clears="<=",
            levels=(Level(_CRITICAL, 4.25, 4.2),), lfp_levels=(Level(_CRITICAL, 3.7, 3.65),), readings=2,
            seconds=2, signals=("pack_voltage",), profile=(("series_cells",), ("chemistry",)),
            source="[C]",
            meaning="The cells are overcharged.",
        ),
        Rule(
            code=Code.PACK_UNDERVOLT, observed="mean cell voltage", unit="V", sets="<", clears=">=",
            levels=(Level(_CRITICAL, 2.8, 2.95),), lfp_levels=(Level(_CRITICAL, 2.5, 2.65),), readings=2,
            seconds=2, numbers={"least_live_cell_v": 0.5},
            signals=("pack_voltage",), profile=(("series_cells",), ("chemistry",)),
            source="[C]; no pack of live cells reads below 0.5 V a cell [C]: a sensor is absent, no value",
            meaning="The cells are discharged too far.",
        ),
        Rule(
            code=Code.OVERCURRENT, observed="current", unit="of the limit", sets=">", clears="<=",
            levels=(Level(_WARNING, 1, 0.95),), readings=2, seconds=10,
            numbers={"discharge_c_without_limit": 5},
            signals=("pack_current",),
            profile=(("max_discharge_a", "capacity_ah"), ("max_charge_a",)),
            source="Leaf peaks at 4.0C [M]; no limit for charging: fast charges of 3.1C are normal",
            meaning="More current flows than the battery is made for.",
        ),
        Rule(
            code=Code.SOH_LOW, observed="7-day median of the state of health", unit="%", sets="<",
            clears=">=",
            levels=(Level(_WARNING, 80, 81), Level(_CRITICAL, 70, 71)), readings=3,
            numbers={"median_days": 7}, signals=("soh",),
            source="UN GTR 22",
            meaning="The battery has aged below the reference (readings of debounce: days).",
        ),
        Rule(
            code=Code.ODO_ROLLBACK, observed="odometer less its last valid value", unit="km", sets="<",
            clears=">=", levels=(Level(_WARNING, -1, 0),), readings=2,
            signals=("odo_km",), source="[C]",
            meaning="The odometer went back.",
        ),
        Rule(
            code=Code.ODO_JUMP, observed="step of the odometer", unit="km", sets=">",
            levels=(Level(_WARNING, 4),),
            numbers={"km_per_h": 250, "confirming_km": 1},
            signals=("odo_km",), source="GB/T 32960 platform rule",
            meaning="The odometer went on faster than a car can drive.",
        ),
        Rule(
            code=Code.ODO_ZERO, observed="odometer", unit="km", sets="==", clears=">",
            levels=(Level(_INFO, 0, 0),), signals=("odo_km",),
            source="11 real ones [M]",
            meaning="The odometer reads 0 after it read more; its last valid value is used on.",
        ),
        Rule(
            code=Code.DATA_GAP, observed="time without a reading", unit="s", sets=">",
            levels=(Level(_INFO, 60),),
            numbers={"driven_km": 0.2, "charged_percent": 3, "most_unseen": 10},
            signals=(), one_of=("odo_km", "soc"), source="GB/T 32960",
            meaning="No readings came while the car drove or charged.",
        ),
        Rule(
            code=Code.LATE_DATA, observed="received after it was taken", unit="s", sets=">", clears="<=",
            levels=(Level(_INFO, 180, 180),), signals=(),
            source="GB/T 32960 platform rule",
            meaning="Readings came long after they were taken.",
        ),
        Rule(
            code=Code.CLOCK_SKEW, observed="taken after it was received", unit="s", sets=">", clears="<=",
            levels=(Level(_WARNING, 30, 30),), readings=3, numbers={"out_of_readings": 5},
            signals=(), source="GB/T 32960 platform rule",
            meaning="The vehicle's clock is ahead of ours.",
        ),
        Rule(
            code=Code.CLOCK_BEHIND, observed="received after it was taken, always as long", unit="s",
            sets=">", clears="<=", levels=(Level(_WARNING, 900, 900),), readings=3, seconds=120,
            numbers={"steady_s": 30},
            signals=(), source="[C]; GPS counts 1024 weeks: receivers were 19.6 years behind",
            meaning="The vehicle's clock is behind ours: by a time zone, or by weeks that were counted anew.",
        ),
        Rule(
            code=Code.STUCK_SENSOR, observed="span of the current at one voltage", unit="A", sets=">",
            levels=(Level(_WARNING, 10),), readings=5, seconds=20, numbers={"least_ohm": 0.03},
            signals=("pack_voltage", "pack_current"),
            source="real longest 2 at 5 s [M]; 20 s [C], as long as 5 such readings;"
            " a span that moves the voltage by over one step at 0.03 ohm [C]",
            meaning="The voltage stands still while the current changes: a frozen sensor.",
        ),
        Rule(
            code=Code.SENSOR_IMPLAUSIBLE, observed="coldest cell beside a far warmer one", unit="°C",
            sets="<=", clears=">", levels=(Level(_WARNING, -40, -40),), readings=2, seconds=2,
            numbers={"warmer_by_c": 20, "inverted_by_c": 1, "spread_c": 40, "no_cell_hot_c": 45},
            signals=(), one_of=("max_temp", "min_temp"),
            source="-40: the lowest value of GB/T 32960, shown by a sensor that is absent; the rest [C]",
            meaning="A temperature sensor is absent or broken: no pack has such temperatures.",
        ),
        Rule(
            code=Code.SENSOR_OFFSET, observed="current at rest that the state of charge does not follow",
            unit="A", sets=">=", clears="<", levels=(Level(_INFO, 0.5, 0.5),),
            numbers={"most_a": 3, "least_hours": 6, "deviations": 2},
            signals=("pack_current", "soc"), profile=(("capacity_ah",),),
            source="[C]; 1 A off makes the capacity of a charge at 20 A wrong by 5 %",
            meaning="The current sensor is off: at rest it counts a charge that the state of charge lacks.",
        ),
        Rule(
            code=Code.SIGN_SUSPECT, observed="energy out less in over a day of driving", unit="kWh",
            sets="<=", levels=(Level(_WARNING, 0),),
            numbers={
                "least_km": 10, "least_kwh_in_per_100_km": 5, "least_percent": 5, "largest_step_percent": 2,
                "least_a": 2, "dominance": 4, "acquitting_percent": 1,
                "acquitting_correlation": 0.5,
            },
            signals=("pack_current",), one_of=("odo_km", "soc"),
            source="catches a source with the other current sign, at about 15 kWh in per 100 km; 5 [C]",
            meaning="Driving fills the battery by 5 kWh per 100 km or more, or the state of charge rises"
            " while current flows out: the current has the other sign (see `current_sign`).",
        ),
    )
}
# fmt: on

"""The use of a battery: its charges, the conditions it has lived in, and its rests."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.diagnostics.between import power_between
from shared.diagnostics.charge_curve import Charging, charging_by_type
from shared.diagnostics.charge_types import charge_facts
from shared.diagnostics.exposure import Exposure, exposure
from shared.diagnostics.full_charge import FullCharge, full_charge
from shared.diagnostics.missing import Missing
from shared.diagnostics.passport import Cycles
from shared.diagnostics.rest_voltage import RestVoltage, rest_voltage
from shared.diagnostics.rests import Rests
from shared.diagnostics.session import Session
from shared.diagnostics.silence_balance import Balance, balance
from shared.diagnostics.standby_loss import StandbyLoss, standby_loss
from shared.diagnostics.stress import Stress, stress
from shared.diagnostics.trace import Floats, Trace
from shared.vehicle_profile import Profile


@dataclass(frozen=True, slots=True)
class BatteryUse:
    """The figures, each with a reason in its place where it can't be computed."""

    charging: Charging | Missing
    exposure: Exposure
    stress: Stress | Missing
    standby: StandbyLoss | Missing
    rest_voltage: RestVoltage | Missing
    full_charge: FullCharge | Missing
    silences: Balance | Missing


def battery_use(
    trace: Trace,
    sessions: Sequence[Session],
    charged_kwh: Floats,
    cycles: Cycles | Missing,
    profile: Profile,
) -> BatteryUse:
    """Compute all figures of use; `sessions` and `cycles` are those of the trace, a cleaned one.

    `charged_kwh`: net energy in over each pair of neighbouring readings.
    """
    rests = Rests.of(trace, sessions)
    power = power_between(trace)
    return BatteryUse(
        charging=charging_by_type(trace, power, charge_facts(trace, power, sessions, profile)),
        exposure=exposure(trace, sessions, rests, profile),
        stress=stress(trace, sessions, rests, cycles, profile),
        standby=standby_loss(trace, rests, profile),
        rest_voltage=rest_voltage(trace, sessions, profile),
        full_charge=full_charge(trace),
        silences=balance(trace, sessions, rests, charged_kwh, profile),
    )

"""The use of a battery, by hand: types and curve of charges, histograms, rests, silences, stress."""

from dataclasses import replace

import numpy as np
import pytest

from shared.diagnostics.battery import battery
from shared.diagnostics.charge_types import ChargeType
from shared.diagnostics.missing import InsufficientData, NotInProfile
from shared.diagnostics.open_circuit import cell_voltage, soc_of
from shared.vehicle_profile import Chemistry, Profile
from tests.charged import PACKS, charged
from tests.rhythms import variants
from tests.traces import DAY_S, trace

NMC = Profile(series_cells=96, chemistry=Chemistry.NMC, capacity_ah=60, energy_kwh=22)


def used(readings, profile=NMC):
    return battery(readings, profile).use


def charge(kw, *, step=10.0, jitter=0.0, first=0.0, volts=370.0, soc_from=20.0, soc_to=90.0, **signals):
    """Return a charge of 60 Ah with a power by soc: a number, or a function of soc."""
    power = kw if callable(kw) else lambda soc: kw + 0 * soc
    grid = np.linspace(soc_from, soc_to, 2_000)
    hours = 60 * volts / 1_000 / 100 / power(grid)
    seconds = np.concatenate(([0.0], np.cumsum((hours[1:] + hours[:-1]) / 2 * np.diff(grid)))) * 3_600
    ts = np.arange(0, seconds[-1] + step, step)
    ts = ts + np.random.default_rng(1).uniform(-0.5, 0.5, len(ts)) * jitter * step
    soc = np.interp(ts, seconds, grid)
    amps = np.where(ts < seconds[-1], -1_000 * power(soc) / volts, 0.0)
    columns = {"soc": soc.round(1), "pack_current": amps, "pack_voltage": volts, "odo_km": 500.0}
    return trace(first + ts, **{**columns, **signals})


def tapering(soc):
    """Return 46 kW up to 55 %, then less, down to 12 kW at 90 %."""
    return np.where(soc < 55, 46.0, 46.0 - (soc - 55) / 35 * 34)


@pytest.mark.parametrize(
    ("kw", "expected"),
    [
        (2.3, ChargeType.SOCKET),
        (3.0, ChargeType.SOCKET),
        (3.4, ChargeType.AC),
        (11.0, ChargeType.AC),
        (22.0, ChargeType.AC),
        (25.0, ChargeType.DC),
        (tapering, ChargeType.DC),
        (lambda soc: tapering(soc) / 2, ChargeType.DC),
    ],
)
@pytest.mark.parametrize(("step", "jitter", "first"), variants(20))
def test_the_type_of_a_charge(kw, expected, step, jitter, first):
    """By its power, and from 7.4 to 24 kW by a current that follows the battery; at each rhythm."""
    (kind,) = used(charge(kw, step=step, jitter=jitter, first=first)).charging.types
    assert (kind.type, kind.charges) == (expected, 1)


def test_the_curve_of_a_charge():
    """46 kW up to 55 %, 12 at 90 %; below 80 % of the largest power from 65 % on."""
    found = used(charge(tapering, max_temp=46.0)).charging
    (kind,) = found.types
    curve = {point.soc: point.kw for point in kind.curve}
    assert list(curve) == [22.5 + 5 * place for place in range(14)]
    assert (curve[42.5], curve[72.5]) == (pytest.approx(46), pytest.approx(tapering(72.5), rel=0.02))
    assert kind.taper_soc == 65
    assert kind.hours_hot == pytest.approx(kind.hours)
    assert kind.c_rate == pytest.approx(np.mean([each.c_rate for each in found.charges]))
    assert found.charges[0].peak_kw == pytest.approx(46)
    assert used(charge(11.0)).charging.types[0].taper_soc is None


def test_charges_of_two_types():
    """A domestic socket and a station: each with its own curve and energy; the median of several charges."""
    slow, fast = charge(2.3, step=60.0), charge(tapering, first=2 * DAY_S, soc_from=40.0)
    columns = {
        name: np.concatenate([getattr(slow, name), getattr(fast, name)])
        for name in ("soc", "pack_current", "pack_voltage", "odo_km")
    }
    ts = np.concatenate([slow.ts, fast.ts])
    socket, station = used(trace(ts - ts[0], **columns)).charging.types
    assert (socket.type, station.type) == (ChargeType.SOCKET, ChargeType.DC)
    assert socket.kwh_in == pytest.approx(0.7 * 60 * 0.37, rel=0.01)
    assert station.kwh_in == pytest.approx(0.5 * 60 * 0.37, rel=0.01)
    assert station.curve[0].soc == 42.5


def parked(hours, *, loss=0.0, step=600.0, begin=85.0, **signals):
    ts = np.arange(0, hours * 3_600 + 1, step)
    soc = begin - loss * ts / DAY_S
    columns = {"soc": soc.round(1), "pack_current": 0.0, "pack_voltage": 380.0, "odo_km": 500.0, "soh": 100.0}
    return trace(ts, **{**columns, **signals})


@pytest.mark.parametrize("step", [60.0, 600.0, 3_600.0, 40_000.0])
def test_soc_at_rest(step):
    """Two days at 85 %, also in silences: all above 80 %, nothing above 90 %."""
    found = used(parked(48, step=step)).exposure.soc_at_rest
    assert found.total_hours == pytest.approx(48, abs=12)
    assert found.hours_above_80 == pytest.approx(found.total_hours)
    assert found.hours_above_90 == 0
    assert found.hours.amounts[8] == pytest.approx(found.total_hours)


@pytest.mark.parametrize("step", [60.0, 600.0, 3_600.0, 40_000.0])
@pytest.mark.parametrize("loss", [0.0, 0.5, 2.0])
def test_the_standby_loss(step, loss):
    """Within its interval at each rhythm; in watts by the nominal energy."""
    found = used(parked(10 * 24, step=step, loss=loss)).standby
    assert found.percent_per_day.low <= loss <= found.percent_per_day.high
    assert found.percent_per_day.high - found.percent_per_day.low < 0.2
    assert found.watts.value == pytest.approx(found.percent_per_day.value * 220 / 24)
    assert used(parked(10 * 24, soh=np.nan)).standby.watts is None


def test_no_standby_loss_of_a_short_rest():
    """Five hours at rest are too little."""
    assert isinstance(used(parked(5)).standby, InsufficientData)


def test_temperature_and_c_rate():
    """An hour at 22 °C; twenty minutes at 30 A, which are 0.5 C, out and as long in."""
    ts = np.arange(0, 3_601, 10)
    current = np.select([ts < 1_200, ts >= 2_400], [30.5, -30.5], 0.0)
    found = used(trace(ts, pack_current=current, pack_voltage=370, max_temp=23, min_temp=21)).exposure
    at = found.temperature.edges.index(20)
    assert found.temperature.amounts[at] == pytest.approx(1)
    assert sum(found.temperature.amounts) == pytest.approx(1)
    for histogram in (found.c_rate_out, found.c_rate_in):
        assert histogram.amounts[histogram.edges.index(0.5)] == pytest.approx(1 / 3, abs=0.01)
        assert sum(histogram.amounts) == pytest.approx(1 / 3, abs=0.01)
    assert isinstance(used(trace(ts, soc=50), Profile()).exposure.c_rate_out, NotInProfile)
    assert isinstance(used(trace(ts, soc=50)).exposure.temperature, InsufficientData)


def test_the_depth_between_charges():
    """Inferred charges count: 90 -> 40 and 95 -> 20; two falls, of 50 and of 75 %."""
    ts, odo = [0, 9_000, 20_000, 30_000, 40_000, 50_000], [500, 500, 700, 700, 990, 990]
    readings = trace(ts, soc=[50, 90, 40, 95, 20, 60], odo_km=odo)
    depth = used(readings).exposure.depth
    assert [(depth.edges[at], amount) for at, amount in enumerate(depth.amounts) if amount] == [
        (50, 1),
        (70, 1),
    ]


def test_the_balance_of_silences():
    """A charge of 40 % and a drive of 30 km in silences, and 5 % of standby."""
    ts = np.concatenate([at + np.arange(0, 601, 60) for at in (0, 36_000, 72_000, 200_000)])
    soc = np.repeat([40.0, 80.0, 68.0, 63.0], 11)
    odo = np.repeat([500.0, 500.0, 530.0, 530.0], 11)
    found = used(trace(ts, soc=soc, odo_km=odo, soh=100.0)).silences
    assert (found.seen_percent, found.silent_percent) == (0, 23)
    parts = {part.kind: (part.silences, part.percent, part.kwh, part.km) for part in found.parts}
    assert parts == {
        "charge": (1, 40, pytest.approx(8.8), 0),
        "drive": (1, -12, pytest.approx(-2.64), 30),
        "rest": (1, -5, pytest.approx(-1.1), 0),
    }


def rested(offset, number=8):
    """Return nights at rest after a drive, whose soc is shown `offset` % too high."""
    evening = np.concatenate((np.arange(0, 601, 60), 600 + np.arange(600, 20_001, 600)))
    ts = np.concatenate([night * DAY_S + evening for night in range(number)])
    true = np.repeat(80.0 - 5 * np.arange(number), len(evening))
    current = np.tile(np.where(evening <= 600, 30.0, 0.3), number)
    volts = 96 * cell_voltage(true) - 0.08 * current
    return trace(ts, soc=true + offset, pack_current=current, pack_voltage=volts, odo_km=ts // 60 * 0.5)


@pytest.mark.parametrize("offset", [-6.0, 0.0, 8.0])
def test_soc_by_the_voltage_at_rest(offset):
    """The shown soc less that of the voltage."""
    found = used(rested(offset)).rest_voltage
    assert (found.difference, found.newest) == (pytest.approx(offset, abs=0.5),) * 2
    assert found.low <= found.difference <= found.high
    assert found.rests == 8


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        (Profile(), NotInProfile),
        (NMC.model_copy(update={"chemistry": Chemistry.LFP}), InsufficientData),
    ],
)
def test_no_soc_by_voltage(profile, expected):
    """Neither without cells and chemistry, nor for LFP, nor from four nights."""
    assert isinstance(used(rested(0), profile).rest_voltage, expected)
    assert isinstance(used(rested(0, 4)).rest_voltage, InsufficientData)
    assert isinstance(used(rested(0), profile).stress, expected)


def test_the_curve_of_the_voltage_and_its_inverse():
    """Within the curve both are exact; beyond it a voltage shows nothing."""
    soc = np.array([20.0, 33.0, 88.0, 95.0])
    assert soc_of(cell_voltage(soc)) == pytest.approx(soc)
    assert np.isnan(soc_of(np.array([3.0, 4.2]))).all()


def test_the_last_full_charge():
    """99 % are full, 98.9 are not."""
    readings = trace([0, 86_400, 3 * 86_400], soc=[99, 60, 50])
    found = used(readings).full_charge
    assert (found.at, found.days) == (readings.ts[0], 3)
    assert used(trace([0, 60], soc=[98.9, 50])).full_charge == InsufficientData("soc never reached 99 %")
    assert used(trace([0])).full_charge == InsufficientData("no reading has soc")


def lived(*, temp=25.0, soc=50.0, depth=20.0, days=60):
    """Return days of an hour's use by `depth` % and a slow charge back, the rest at `soc`."""
    hour = np.array([0.0, 8.0, 9.0, 12.0, 15.0])
    ts = (np.arange(days)[:, None] * 24 + hour).ravel() * 3_600
    shown = np.tile([soc, soc, soc - depth, soc - depth, soc], days)
    odo = 500 + (np.arange(days)[:, None] * 2 * depth + 2 * depth * (hour >= 9)).ravel()
    return trace(ts, soc=shown, max_temp=temp, min_temp=temp, odo_km=odo)


def test_stress_by_time_and_by_use():
    """Heat and a full battery age it by time, deep cycles by use."""
    mild = used(lived()).stress
    assert mild.mean_temp == pytest.approx(25)
    assert mild.calendar_factor == pytest.approx(1, abs=0.15)
    hot, full, deep = (
        used(lived(**how)).stress for how in ({"temp": 45.0}, {"soc": 90.0}, {"soc": 80.0, "depth": 60.0})
    )
    # exp(-6976 * (1/318.15 - 1/298.15)) = 4.35.
    assert hot.calendar_factor == pytest.approx(4.35 * mild.calendar_factor, rel=0.01)
    assert full.calendar_factor > 1.2 * mild.calendar_factor
    assert deep.cycle_factor > 1.5 * mild.cycle_factor
    assert deep.mean_depth == 60
    assert hot.calendar_share > mild.calendar_share > deep.calendar_share


@pytest.mark.parametrize("seconds", [[], [0], [0, 60]])
def test_hardly_any_readings(seconds):
    """No figure, and no error."""
    found = used(trace(seconds, soc=50.0))
    assert isinstance(found.charging, InsufficientData)
    assert isinstance(found.stress, InsufficientData)
    assert isinstance(found.rest_voltage, InsufficientData)


def test_trends_look_at_all_readings_and_counters_at_the_window():
    """Half of the charges lie before `since`: the trend has them all, the median those of the window."""
    readings = charged(PACKS["nmc"], 24, step_s=60.0, every_days=15.0, fade=0.1)
    middle = float(readings.ts[len(readings) // 2] + DAY_S)
    whole, part = battery(readings, NMC), battery(readings, NMC, middle)
    assert (whole.capacity.n, part.capacity.n) == (24, 12)
    assert part.capacity_trend == replace(whole.capacity_trend, reported_soh=None)
    assert part.use.charging.types[0].charges == 12

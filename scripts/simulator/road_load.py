"""The power a compact electric car takes from its battery at a speed and an acceleration."""

_MASS_KG = 1550.0
_ROTATING_MASS = 1.04
_ROLLING = 0.008
_AIR_DENSITY = 1.2
_DRAG = 0.315
_FRONT_M2 = 2.755
_GRAVITY = 9.81
_DRIVE_EFFICIENCY = 0.88
_REGENERATION = 0.70
_AUXILIARIES_W = 300.0


def wheel_power(speed: float, acceleration: float) -> float:
    """Return the power (W) at the wheels at `speed` (m/s) and `acceleration` (m/s²); negative while braking.

    P = v * (1.04*m*a + m*g*0.008 + 0.5*1.2*0.315*2.755*v²), m = 1550 kg, on a level road.
    """
    inertia = _ROTATING_MASS * _MASS_KG * acceleration
    rolling = _MASS_KG * _GRAVITY * _ROLLING
    drag = 0.5 * _AIR_DENSITY * _DRAG * _FRONT_M2 * speed * speed
    return speed * (inertia + rolling + drag)


def battery_power(speed: float, acceleration: float) -> float:
    """Return the power (W) at the battery's terminals.

    88 % of a driving power reach the wheels, 70 % of a braking power come back, and auxiliaries take 0.3 kW.
    """
    wheels = wheel_power(speed, acceleration)
    drive = wheels / _DRIVE_EFFICIENCY if wheels > 0 else wheels * _REGENERATION
    return drive + _AUXILIARIES_W

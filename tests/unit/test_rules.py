from itertools import pairwise

from shared.alert_thresholds import AlertThresholds
from shared.diagnostics import episodes
from shared.diagnostics.alerts import Severity
from shared.diagnostics.rule import Code, Level
from shared.diagnostics.rules import RULES
from shared.vehicle_profile import Profile
from shared.wire.reading import SIGNALS


def test_every_code_has_a_rule_and_a_judge():
    """No code is only a name."""
    assert list(RULES) == list(Code)
    assert list(episodes._FINDERS) == list(Code)


def test_what_rules_need_exists():
    """Signals are those of a reading, profile fields those of a profile."""
    for rule in RULES.values():
        assert {*rule.signals, *rule.one_of} <= set(SIGNALS), rule.code
        assert {name for group in rule.profile for name in group} <= set(Profile.model_fields)


def test_thresholds_are_in_order():
    """Worse severities lie further out, and every clear threshold lies on the healthy side of its set one."""
    order = list(Severity)
    for rule in RULES.values():
        for levels in (rule.levels, rule.lfp_levels):
            upward = 1 if rule.sets in {">", ">=", "=="} else -1
            for milder, worse in pairwise(levels):
                assert order.index(milder.severity) < order.index(worse.severity)
                assert (worse.set - milder.set) * upward > 0
            for level in levels:
                assert level.clear is None or (level.set - level.clear) * upward >= 0


def test_numbers_of_the_design():
    """The most important thresholds, spelled out."""
    assert RULES[Code.TEMP_HIGH].levels == (
        Level(Severity.WARNING, 50, 45),
        Level(Severity.CRITICAL, 60, 55),
    )
    assert RULES[Code.PACK_UNDERVOLT].lfp_levels == (Level(Severity.CRITICAL, 2.5, 2.65),)
    assert [level.set for level in RULES[Code.SOC_LOW].levels] == [20, 10, 5]
    assert (RULES[Code.COLD_CHARGING].readings, RULES[Code.COLD_CHARGING].seconds) == (2, 60)


def test_alerts_and_episodes_agree():
    """The alert of one reading and the rule over many begin at the same value."""
    at = AlertThresholds()
    assert [level.set for level in RULES[Code.TEMP_HIGH].levels] == [
        at.temp_high_warning,
        at.temp_high_critical,
    ]
    assert [level.set for level in RULES[Code.SOH_LOW].levels] == [at.soh_low_warning, at.soh_low_critical]
    assert [level.set for level in RULES[Code.TEMP_SPREAD].levels] == [
        at.temp_spread_warning,
        at.temp_spread_critical,
    ]


def test_every_rule_speaks():
    """People read the table too."""
    assert all(rule.meaning.endswith(".") and rule.source and rule.observed for rule in RULES.values())

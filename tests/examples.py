"""Numbers of generated examples: fewer in a daily run than in a nightly one."""

from hypothesis import settings

DAILY, NIGHTLY = "daily", "nightly"
"""Profiles of Hypothesis; tests/conftest.py loads one of them before any module of tests is imported."""


def examples(daily, nightly):
    """Return settings with so many examples in the two kinds of run.

    No run repeats another one's examples: some daily runs together generate as many as a nightly one.
    """
    is_nightly = settings.get_current_profile_name() == NIGHTLY
    return settings(max_examples=nightly if is_nightly else daily)

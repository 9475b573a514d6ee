"""Measure alternatives against each other: `./scripts/bench.sh --help`.

A benchmark is one file with a name, a sentence and a function; `catalogue.py` lists them. The function hands
its alternatives to a `Workbench`, which measures them in turn, round after round: on a machine that others
use too, only figures of the same minute can be compared.
"""

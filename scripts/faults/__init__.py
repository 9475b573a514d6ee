"""Breaks the system on purpose, and counts what became of every reading: `./scripts/faults.sh --help`.

A publisher and a poster send numbered readings and write down what was acknowledged; a fault happens
meanwhile; it heals; then the database is read once and compared with the journals. `catalogue.py` lists
the faults, `controls.py` the broken workers that must be caught.
"""

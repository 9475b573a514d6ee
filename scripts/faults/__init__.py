"""Fault injection: break the system on purpose, and account for every reading: `./scripts/faults.sh --help`.

A publisher and a poster send numbered readings and write down which were acknowledged; a fault happens
meanwhile; it heals; then the database is read once and compared with the journals. `catalogue.py` lists the
faults, `controls.py` the broken workers that must be caught.
"""

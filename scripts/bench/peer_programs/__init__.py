"""Consumers that do the worker's job with other software, as its documentation says: for `bench.sh peers`.

Each runs in the environment of its peer, where this project's packages are not installed: it imports from the
project only modules that need nothing but Python.
"""

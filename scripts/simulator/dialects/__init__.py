"""Encoders of dialects: the messages that existing devices and gateways publish, made from our readings.

Written from the facts of each project, and not from our decoders: a test may hold the one against the other.
"""

"""Judgement of every vehicle."""

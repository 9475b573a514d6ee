"""Dialects by configuration: messages of foreign devices become readings. No clock, no I/O but two files."""

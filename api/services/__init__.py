"""Answers that take more than one query: diagnoses, the fleet, exports."""

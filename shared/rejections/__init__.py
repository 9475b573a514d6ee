"""Rejections: kept, listed, replayed, deleted by age and number."""

"""Routes: which messages about episodes go to which receivers, and how they get there."""

"""The demo's cars: simulated vehicles with a past up to now, which go on publishing; some have a defect."""

"""Keys of the API: role, vehicles, and the audit of what is done with them."""

"""HTTP mechanics without domain: errors, limits, keys, pages, parameters."""

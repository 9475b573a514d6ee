"""The alert worker: from stored readings to episodes of the whole fleet, and to messages about them."""

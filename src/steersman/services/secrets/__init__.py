"""Secrets that a person keeps under a name, and the life of the keys that protect them."""

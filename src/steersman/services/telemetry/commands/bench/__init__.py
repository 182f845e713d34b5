"""Measurements of the platform, beside the peers that people run today. Every figure comes from a command here."""

"""Runs and supervises the services of this machine that the settings name, and can act upon them."""

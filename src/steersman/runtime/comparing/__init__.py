"""Comparing a password with its hash, beside the process that serves."""

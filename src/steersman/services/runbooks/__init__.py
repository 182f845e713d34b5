"""Runs the commands and webhooks that the owner declared as remedies."""

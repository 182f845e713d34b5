"""Forecasts when what is bounded runs out, and what would change that."""

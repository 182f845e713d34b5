"""Tells which components are likely to fail soon, from trends, logs and SMART data."""

"""Forecasts with their own back-tested error: regular series in, points with a band and a date of exhaustion out."""

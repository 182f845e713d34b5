"""What capacity reads from the telemetry store, and what of it stays in memory between looks."""

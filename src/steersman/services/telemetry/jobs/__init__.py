"""The background tasks of telemetry. Each ends in `write`, the one way into the store, and reports as a source."""

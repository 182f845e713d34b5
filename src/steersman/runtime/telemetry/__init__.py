"""The telemetry store: a write-ahead log, a head in memory, blocks on disk, and one manifest that says which."""

"""What telemetry computes without touching anything: text in, values out. No I/O, no clock."""

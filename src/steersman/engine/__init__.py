"""What decides: pure functions over explicit state. No I/O, no clock, no randomness of its own."""

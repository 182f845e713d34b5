"""The vocabulary: values that every other part speaks in. No I/O, no clock, no third-party client."""

"""Security as people use it: attacks in what callers send, and guessing at the door."""

"""What the optimizer decides, without any I/O."""

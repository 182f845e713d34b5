"""What maintenance decides, without any I/O."""

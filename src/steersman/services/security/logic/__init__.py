"""What security decides, without I/O and without a clock."""

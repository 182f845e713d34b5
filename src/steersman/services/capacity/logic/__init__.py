"""What capacity decides, without any I/O."""

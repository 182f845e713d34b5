"""What is kept about persons: told to them, kept no longer than needed, and taken away when they ask."""

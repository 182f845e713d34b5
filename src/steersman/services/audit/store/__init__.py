"""What audit keeps: its tables, its key, the growing tree and the copy of the checkpoints in a file."""

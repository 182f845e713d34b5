"""What a name and a reference are."""

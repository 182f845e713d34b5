"""What a person may write about services, and the values that the rooms pass to one another."""

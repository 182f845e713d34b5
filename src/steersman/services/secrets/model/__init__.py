"""Values of secrets and keys, as they go over the wire."""

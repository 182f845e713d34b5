"""What operations takes and answers over the wire, and its settings."""

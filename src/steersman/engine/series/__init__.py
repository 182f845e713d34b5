"""Series identity: from raw label bytes to dense numbers, and from matchers back to numbers."""

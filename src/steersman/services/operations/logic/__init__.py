"""Pure shaping of what the loop knows, and the rules of what it may do."""

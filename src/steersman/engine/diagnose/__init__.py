"""From findings to causes: a table of what each cause looks like, what is seen of it, and how much that is believed."""

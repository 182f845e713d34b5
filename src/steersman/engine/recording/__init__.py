"""Recordings: the rounds of a loop as bytes, so that the same decisions can be taken again from them."""

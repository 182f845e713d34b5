"""Durable work: the one adapter over the library that remembers unfinished work across a kill."""

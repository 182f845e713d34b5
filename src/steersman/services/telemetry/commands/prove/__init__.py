"""Proofs that anybody can repeat: the store under kills, under lost writes, and its decoder under damaged input."""

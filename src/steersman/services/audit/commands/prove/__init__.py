"""Proofs on the real platform: what it acknowledged is there after every kill, and nothing is half done."""

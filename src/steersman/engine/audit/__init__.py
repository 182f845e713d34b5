"""Evidence that can be checked by a stranger: a Merkle tree over the journal and the text of its checkpoints."""

"""Evidence: the journal's entries become leaves of a Merkle tree, and signed checkpoints make later changes show."""

"""What is unusual: per-signal state that compiled kernels fold samples into, and the findings that come out of it."""

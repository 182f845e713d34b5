"""I/O: everything that touches the machine. It never decides; the engine does."""

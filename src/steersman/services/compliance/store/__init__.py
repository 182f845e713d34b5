"""Where the catalogue lies, and what is seen of the running platform."""

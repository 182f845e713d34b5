"""Everything that touches processes and files of services: start, stop, look, remember."""

"""Logs, spans and exemplars: a tail in memory, Parquet blocks with a token index, and search over both.

Which blocks exist is the manifest's to say: this package writes files and answers questions, and never
decides by itself that a file counts.
"""

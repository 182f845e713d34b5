"""Logs as text: how a line is cut into tokens and how a question about lines is read. No I/O."""

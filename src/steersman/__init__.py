"""Steersman: a self-hosted AI platform that operates itself."""

__version__ = "0.1.0"

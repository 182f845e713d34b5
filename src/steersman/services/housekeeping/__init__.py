"""Keeps declared folders within their bounds: rotates, compresses, quarantines and deletes by policy."""

"""The tables of keys, one file per revision. A released revision is never edited."""

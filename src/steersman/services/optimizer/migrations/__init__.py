"""The tables of operations, one file per revision. A released revision is never edited."""

"""The tables of secrets, one file per revision. A released revision is never edited."""

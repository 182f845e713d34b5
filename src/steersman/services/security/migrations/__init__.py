"""The tables of security, one file per revision. A released revision is never edited."""

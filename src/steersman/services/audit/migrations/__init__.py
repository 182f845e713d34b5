"""The tables of audit, one file per revision. A released revision is never edited."""

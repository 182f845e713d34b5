"""The tables of identity, one file per revision. A released revision is never edited."""

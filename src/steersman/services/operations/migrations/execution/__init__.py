"""The table of plans in hand, one file per revision. A released revision is never edited."""

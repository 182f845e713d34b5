"""The house's own tables, one file per revision. A released revision is never edited."""

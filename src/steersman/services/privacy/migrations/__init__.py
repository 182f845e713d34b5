"""The tables of privacy, one file per revision."""

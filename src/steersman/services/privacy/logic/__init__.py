"""The pure half of privacy: an export as files, and what of the database nobody declared."""

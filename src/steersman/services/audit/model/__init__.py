"""The values of audit: settings, what stands in the tables, what a verification found, and what the API answers."""

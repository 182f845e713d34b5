"""What maintenance reads: series, log lines, disks' own SMART data, and failure records."""

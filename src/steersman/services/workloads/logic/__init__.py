"""What follows from what was seen: launches, conditions, findings, remedies. No I/O, no clock."""

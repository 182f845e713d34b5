"""What goes on by itself: starting, watching, probing, noticing changes, reading logs. Without services, nothing."""

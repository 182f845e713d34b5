"""What the optimizer does by itself: it runs what was asked for, and looks for what to recommend."""

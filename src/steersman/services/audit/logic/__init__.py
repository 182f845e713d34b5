"""What can be said about the evidence from its rows alone."""

"""What runs in the background for the loop: the inbox, the rounds, the execution of plans."""

"""Where measures are kept, and where they are put into force."""

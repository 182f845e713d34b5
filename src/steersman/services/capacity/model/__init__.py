"""The values of capacity: settings, what is bounded, and what the API answers."""

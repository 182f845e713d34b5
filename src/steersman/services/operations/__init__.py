"""The loop: correlates what is found, explains it, decides, acts through guards, verifies and learns."""

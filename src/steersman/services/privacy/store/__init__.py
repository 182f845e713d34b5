"""What privacy keeps, what identity keeps about persons, and the search for what is left."""

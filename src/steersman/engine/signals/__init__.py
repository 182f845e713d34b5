"""From a series' labels to what it says: of which entity, about which aspect, measured how."""

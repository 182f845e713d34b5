"""What operations keeps in the control database. Functions take the connection of an open transaction."""

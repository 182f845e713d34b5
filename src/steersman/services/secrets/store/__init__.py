"""Where secrets lie, and what seals them."""

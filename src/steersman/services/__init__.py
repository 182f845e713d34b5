"""The platform's own parts: vertical slices that know nothing of each other and speak through the contract."""

"""The values of maintenance: settings, components with what speaks for their failure, and what the API answers."""

"""The platform's own health, as a service like any other: it uses the public contract and nothing private."""

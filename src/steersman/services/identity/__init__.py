"""The service `identity`: who may use the platform, administered over its API and its commands."""

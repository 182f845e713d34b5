"""The one HTTP port: every face of every service, built from what the services declare."""

"""The HTTP faces of telemetry: intake in the senders' protocols, questions in Prometheus's, search, the live page."""

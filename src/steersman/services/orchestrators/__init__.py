"""Acts upon systemd units, Docker containers and Kubernetes deployments."""

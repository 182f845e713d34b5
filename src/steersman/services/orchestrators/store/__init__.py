"""The connections to systemd, Docker and Kubernetes. None is opened before something is asked or done."""

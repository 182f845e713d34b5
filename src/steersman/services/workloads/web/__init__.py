"""The faces of the services of this machine: answers under /api/workloads and the page at /services."""

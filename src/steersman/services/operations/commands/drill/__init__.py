"""`steersman drill`: the self-exam. A small real mesh, real faults, and a watcher that knows nothing of either."""

"""The values of the optimizer: settings, experiments, recommendations."""

"""The senses and the memory of the platform: metrics, logs and traces come in, are kept, and can be asked for."""

"""Keys that protect what is stored: one ring, envelopes under it, its recovery, and what other systems left behind."""

"""Which requirements of ASVS, SOC 2 and the GDPR are met, and how that is known: by tests, by a look, or by nothing."""

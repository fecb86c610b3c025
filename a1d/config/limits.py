"""placeholder until the case branch is merged."""

LEASE_MAX_S = 7 * 86400.0

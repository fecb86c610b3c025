"""The soak: random weather for the daemon from a seed, everything recorded, and a judge over the record."""

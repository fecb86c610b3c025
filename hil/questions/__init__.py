"""What only a real case can tell (docs/hardware.md): one module for each question."""

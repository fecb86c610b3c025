"""The open questions of docs/hardware.md that only a real case can answer, a module for each."""

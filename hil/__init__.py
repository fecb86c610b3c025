"""The hardware suite and its two rigs: a virtual case, and a real one."""

"""The virtual case: a virtual machine whose kernel has an ARGON ONE V3. See README.md."""

"""The checks that run inside the machine, a module for each subject."""

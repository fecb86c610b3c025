"""``python -m a1d`` is the daemon."""

from a1d.cli import main

if __name__ == "__main__":
    raise SystemExit(main())

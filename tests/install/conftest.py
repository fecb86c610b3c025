"""What the tests of the installation share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.install.machine import Machine, fresh_machine


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Nothing of a1d on it yet."""
    return fresh_machine(tmp_path)

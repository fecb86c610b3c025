"""The documents name tests and code that exist."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROOFS = sorted(set(re.findall(r"`(test_\w+\.py)::(test_\w+)`", (ROOT / "docs/safety.md").read_text())))
NAMES = sorted(
    set(re.findall(r"`((?:\w+\.){0,2}?\w+)\.([A-Za-z_]\w*)`", (ROOT / "docs/hardware.md").read_text()))
    - {("failsafe", "py"), ("heat", "py")}
)


def test_there_is_something_to_check() -> None:
    assert len(PROOFS) > 30
    assert len(NAMES) > 20


@pytest.mark.parametrize(("file", "name"), PROOFS)
def test_every_proof_of_safety_exists(file: str, name: str) -> None:
    assert any(re.search(rf"^def {name}\(", path.read_text(), re.MULTILINE) for path in (ROOT / "tests").rglob(file))


@pytest.mark.parametrize(("where", "name"), NAMES)
def test_every_fact_is_where_the_document_says(where: str, name: str) -> None:
    """``module.NAME``, ``Class._method`` (of any module), or a setting ``section.key``."""
    sources = "\n".join(path.read_text() for path in (ROOT / "a1d").rglob("*.py"))
    if where[0].isupper():
        assert re.search(rf"^class {where}\b", sources, re.MULTILINE)
        assert re.search(rf"\b{name}\b", sources)
    elif where in ("fan", "case", "button") and re.search(rf"^    {name}(_s)?: ", sources, re.MULTILINE):
        pass
    else:
        assert hasattr(importlib.import_module(f"a1d.{where}"), name)

"""Fixtures that every rung of the tests shares."""

from __future__ import annotations

import os
import re
import resource
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.virtual import VirtualClock, VirtualRig

# CI tries the same examples each time, so that it is red only for what a commit did; everywhere else, new ones.
settings.register_profile(
    "a1d",
    derandomize="CI" in os.environ,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("a1d")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long ones begin, so that at the end no worker waits for another."""
    items.sort(key=lambda item: "long" not in item.keywords)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object | None:
    """With ``--dist loadfile`` a file's tests stay with one worker, save for what is cut into parts."""
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):  # type: ignore[misc, unused-ignore]
        def _split_scope(self, nodeid: str) -> str:
            return nodeid if re.search(r"part \d+ of \d+\]$", nodeid) else str(super()._split_scope(nodeid))

    return Scheduling(config, log)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def make_rig(tmp_path: Path) -> Iterator[Callable[..., VirtualRig]]:
    """Builds a daemon on a simulated case in virtual time; closed at the end."""
    with ExitStack() as stack:

        def make(config: Any = None, **options: Any) -> VirtualRig:
            rig = VirtualRig(tmp_path, config, **options)
            stack.callback(rig.close)
            return rig

        yield make


@pytest.fixture
def rig(make_rig: Callable[..., VirtualRig]) -> VirtualRig:
    """A daemon with the built-in configuration, on a case whose chip is held at 45 C."""
    return make_rig()


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    """Room for a thousand connections in this process; the limit is put back at the end."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096 if hard == resource.RLIM_INFINITY else min(hard, 4096), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

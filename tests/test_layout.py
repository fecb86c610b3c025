"""The layout that docs/design.md draws: no circles, a pure core, small modules, empty __init__ files."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "a1d"
MODULES = {
    ".".join(("a1d", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in PACKAGE.rglob("*.py")
}
# What decides: time, readings and edges come in as arguments.
LINES_MAX = 250
PURE = [
    "a1d.client.columns",
    "a1d.button.pulses",
    "a1d.config.parse_duration",
    "a1d.config.settings",
    "a1d.doctor.air",
    "a1d.doctor.trial",
    "a1d.duration",
    "a1d.mqtt.advice",
    "a1d.mqtt.bridge",
    "a1d.mqtt.commands",
    "a1d.mqtt.ignored",
    "a1d.mqtt.lease",
    "a1d.mqtt.presence",
    "a1d.mqtt.retry",
    "a1d.mqtt.states",
    "a1d.mqtt.topics",
    "a1d.temperature.controller",
    "a1d.temperature.cooling",
    "a1d.temperature.curve",
    "a1d.temperature.decision",
    "a1d.temperature.lease",
    "a1d.temperature.profiles",
    "a1d.temperature.reading",
    "a1d.temperature.reason",
    "a1d.temperature.rise",
    "a1d.temperature.target",
    "a1d.view.ansi",
    "a1d.view.chart",
    "a1d.view.curve_svg",
    "a1d.view.curves",
    "a1d.view.frame",
    "a1d.view.history",
    "a1d.view.keys",
    "a1d.view.model",
    "a1d.view.pages",
    "a1d.view.panels",
    "a1d.view.steering",
    "a1d.view.svg",
    "a1d.view.text",
]


def imports_of(name: str, *, late: bool) -> set[str]:
    """The modules of a1d that a module imports, also in functions if ``late``; not what only the type checker reads."""
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            return
        if isinstance(node, (ast.FunctionDef, ast.Lambda)) and not late:
            return
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(MODULES[name].read_text(encoding="utf-8")))
    return found


def circles(graph: dict[str, set[str]]) -> Iterator[list[str]]:
    """Every way that leads from a module back to it, at least one for each circle."""
    done: set[str] = set()

    def walk(name: str, way: list[str]) -> Iterator[list[str]]:
        if name in way:
            yield [*way[way.index(name) :], name]
        elif name not in done:
            for other in sorted(graph.get(name, ())):
                yield from walk(other, [*way, name])
            done.add(name)

    for name in sorted(graph):
        yield from walk(name, [])


def test_a_circle_would_be_found() -> None:
    assert list(circles({"a": {"b"}, "b": {"c"}, "c": {"b"}})) == [["b", "c", "b"]]


def test_no_module_imports_itself_by_a_detour() -> None:
    graph = {name: imports_of(name, late=True) & MODULES.keys() for name in MODULES}
    assert graph["a1d.daemon"] > {"a1d.case.fan", "a1d.temperature.controller"}
    assert list(circles(graph)) == []


@pytest.mark.parametrize("name", PURE)
def test_what_decides_knows_no_clock_no_files_and_no_thread(name: str) -> None:
    impure = {
        "os",
        "time",
        "threading",
        "socket",
        "selectors",
        "subprocess",
        "signal",
        "random",
        "datetime",
        "io",
        "sys",
    }
    assert imports_of(name, late=True) & impure == set()
    assert "open(" not in MODULES[name].read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "importer",
    [
        *("a1d.client", "a1d.doctor", "a1d.moving", "a1d.mqtt", "a1d.view", "a1d.sim"),
        *("a1d.case", "a1d.config", "a1d.temperature", "a1d.button"),
    ],
)
def test_the_packages_point_one_way(importer: str) -> None:
    """config knows nothing of the others; temperature, case and button know only config; nobody needs the daemon.

    a1d-ctl starts the doctor, which asks the daemon as a1d-ctl does.
    """
    allowed: set[str] = {
        "a1d.config": set[str](),
        "a1d.temperature": {"a1d.config"},
        "a1d.case": {"a1d.config"},
        "a1d.button": {"a1d.config"},
        "a1d.client": {"a1d.config", "a1d.doctor"},
        "a1d.doctor": {"a1d.config", "a1d.client", "a1d.case", "a1d.temperature", "a1d.button"},
        "a1d.moving": {"a1d.config"},
        "a1d.mqtt": {"a1d.config", "a1d.client"},
        "a1d.view": {"a1d.client"},
        "a1d.sim": {"a1d.config", "a1d.temperature", "a1d.button", "a1d.service", "a1d.client"},
    }[importer]
    packages = {name for name, path in MODULES.items() if path.name == "__init__.py"} - {"a1d"}
    for name in MODULES:
        if name.startswith(f"{importer}."):
            others = {other for other in imports_of(name, late=True) if other.startswith("a1d.")}
            used = {package for package in packages if any(f"{other}.".startswith(f"{package}.") for other in others)}
            starts = {"a1d.view"} if name == "a1d.client.main" else set()  # it starts whatever is asked for
            assert used - {importer} <= allowed | starts, name
            assert not others & {"a1d.daemon", "a1d.cli"}, name


@pytest.mark.parametrize("name", sorted(name for name, path in MODULES.items() if path.name == "__init__.py"))
def test_an_init_file_is_empty(name: str) -> None:
    """But for the version: whatever stands there is paid for at each start of each program."""
    text = MODULES[name].read_text(encoding="utf-8")
    assert text == "" or (name == "a1d" and len(ast.parse(text).body) == 2)


@pytest.mark.parametrize("name", sorted(set(MODULES) - {"a1d"}))
def test_a_module_is_short_enough_to_be_read_at_once(name: str) -> None:
    assert MODULES[name].read_text(encoding="utf-8").count("\n") <= LINES_MAX

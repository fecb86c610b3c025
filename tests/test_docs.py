"""The documents name tests, code, commands and files that exist."""

from __future__ import annotations

import ast
import importlib
import os
import re
import shlex
import subprocess
import tomllib
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

import a1d.client.parser
import a1d.commands
from a1d.config.reader import parse_config
from a1d.config.settings import Config, key_of
from a1d.sim.mcu import BusFault
from tests.virtual import VirtualRig

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
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


ROW = re.compile(r"\b[MLBPT]\d{1,2}\b")


def strings_of(source: str) -> list[str]:
    """Each text in Python code that is no docstring."""
    tree = ast.parse(source)
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    constants = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in docstrings)
    return [node.value for node in constants if isinstance(node.value, str)]


def test_a_row_in_a_text_would_be_found() -> None:
    assert [text for text in strings_of('"""M1"""\nx = f"{y} (M2)"') if ROW.search(text)] == [" (M2)"]


@pytest.mark.parametrize("path", sorted((ROOT / "a1d").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_text_for_the_user_names_a_row_of_hardware_md(path: Path) -> None:
    """A user cannot look them up: they belong in comments and docstrings."""
    if path.name == "settings.py" and path.parent.name == "config":
        return  # for whoever reads the code; print_config leaves them out, which the next test shows
    assert [text for text in strings_of(path.read_text()) if ROW.search(text)] == []


SETTINGS = {
    key_of(field): {key_of(each) for each in fields(field.default)}
    for field in fields(Config)
    if is_dataclass(field.default)
}


def test_a_setting_that_the_manual_names_exists() -> None:
    """``fan.hold``, not ``fan.hold_s``."""
    text = (ROOT / "docs/pages/man/a1d.yaml.5.scd").read_text().replace("\\_", "_")
    named = re.findall(rf"\b({'|'.join(SETTINGS)})\.(?!yaml)([a-z_]+)", text)
    assert len(named) > 8
    assert [(section, name) for section, name in named if name not in SETTINGS[section]] == []


def test_a_sensor_s_name_has_no_default_that_it_does_not_have() -> None:
    text = (ROOT / "docs/pages/man/a1d.yaml.5.scd").read_text()
    (name,) = re.findall(r"^\*name\*\n(?:\t.*\n|\n)*", text, re.MULTILINE)
    assert "zone's or hwmon name" in name and "Default" not in name
    assert parse_config("sensors: [{zone: cpu-thermal}]").sensors[0].name == "cpu-thermal"


def test_design_draws_modules_that_exist() -> None:
    drawing = (ROOT / "docs/design.md").read_text().split("```")[1]
    drawn = re.findall(r"\b([a-z]+/[a-z_]+)\b", drawing)
    assert len(drawn) > 15
    packages = {path.name for path in (ROOT / "a1d").iterdir() if path.is_dir()}
    modules = [name for name in drawn if name.partition("/")[0] in packages]
    assert len(modules) > 12
    assert [name for name in modules if not (ROOT / f"a1d/{name}.py").exists()] == []


def test_whoever_is_told_to_check_a_configuration_is_told_which() -> None:
    scripts = [path for place in ("debian", "systemd", "a1d") for path in (ROOT / place).rglob("*") if path.is_file()]
    said = [
        (path, end)
        for path in scripts
        if path.suffix != ".pyc"
        for end in re.findall(r": a1d --check(.?.?)", path.read_text())
    ]
    assert len(said) > 1
    assert [path for path, end in said if not re.match(r" [/{]", end)] == []


def test_the_way_to_steer_without_sudo_is_told_in_one_way() -> None:
    """``newgrp`` helps one shell only, and there is no adduser outside of Debian."""
    texts = [
        path
        for folder in ("a1d", "docs")
        for kind in ("py", "md", "scd")
        for path in (ROOT / folder).rglob(f"*.{kind}")
    ]
    found = [
        line for path in texts for line in path.read_text().splitlines() if re.search(r"(\$USER a1d|a1d \$USER)", line)
    ]
    assert len(found) == 5
    for line in found:
        assert re.search(r"sudo usermod -aG a1d \$USER['`*]?(,|   #)? and log in again", line), line


def test_neither_do_the_texts_that_are_made_from_the_settings() -> None:
    made = [*(ROOT / "docs/pages/share").rglob("*"), ROOT / "systemd/config.yaml"]
    texts = {str(path): path.read_text() for path in made if path.is_file()}
    assert len(texts) > 8
    assert {name: ROW.findall(text) for name, text in texts.items() if ROW.search(text)} == {}


# -- README and links --------------------------------------------------------------------------------

PARSERS = {"a1d": a1d.commands.make_parser, "a1d-ctl": a1d.client.parser.make_parser}
# In code: a line of a block, up to a comment or the next command, or between backquotes.
CODE = re.findall(r"`([^`\n]+)`", README) + re.findall(
    r"^[^`#\n]+", "\n".join(re.findall(r"(?s)```sh\n(.*?)```", README)), re.M
)
CALLS = sorted({call.strip() for call in CODE if re.match(r"(sudo |\.venv/bin/)*(a1d|a1d-ctl) \S", call)})
DOCUMENTS = sorted(
    path
    for path in [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "hil").rglob("*.md"),
        *ROOT.glob("tests/**/*.md"),
    ]
    if "/." not in str(path.relative_to(ROOT))
)
LINKS = sorted(
    {
        (str(path.relative_to(ROOT)), link)
        for path in DOCUMENTS
        for link in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"(?s)```.*?```", "", path.read_text()))
        if "://" not in link
    }
)


def test_readme_is_short() -> None:
    assert README.count("\n") <= 150


def test_there_are_calls_and_links_to_check() -> None:
    assert len(CALLS) > 15
    assert len(LINKS) > 30


@pytest.mark.parametrize("call", CALLS)
def test_readme_calls_its_programs_as_they_want_to_be(call: str, capsys: pytest.CaptureFixture[str]) -> None:
    program, *words = shlex.split(re.sub(r"^(sudo |\.venv/bin/)+", "", call))
    try:
        PARSERS[program]().parse_args(words)
    except SystemExit as end:
        assert end.code == 0, capsys.readouterr().err


# The words of a command; what a pattern stands for is not looked at.
WORDS = sorted(
    {
        (str(path.relative_to(ROOT)), word)
        for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
        for command in (
            *re.findall(r"`((?:sudo|sh|cat|ls|a1d|a1d-ctl|\.venv/\S+) [^`\n]+)`", path.read_text()),
            *"".join(re.findall(r"(?s)```(?:sh|ini|yaml)\n(.*?)```", path.read_text())).splitlines(),
        )
        for word in re.findall(r"(?<![\w/:.$*])/?[\w.-]+(?:/[\w.@-]+)+(?![\w/*])", command.partition("# ")[0])
    }
)
# Made by make run and make deb; somebody's server.
MADE = (".venv/bin/", "./a1d", "dist/", "SERVER/")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All that ``make install`` places, but the programs."""
    root = tmp_path_factory.mktemp("installed")
    command = ["sh", str(ROOT / "systemd/install.sh"), "install-files"]
    subprocess.run(command, env={**os.environ, "DESTDIR": str(root)}, check=True, capture_output=True)
    return root


def is_there(word: str, installed: Path) -> bool:
    """Whether it is in the repository or installed, or is none of what a1d brings."""
    if not word.startswith("/"):
        return (ROOT / word).exists() or word.startswith(MADE)
    if not word.startswith(("/opt/a1d/", "/usr/")):
        return True
    programs = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    directory, _, name = word.rpartition("/")
    if directory in ("/opt/a1d/bin", "/usr/bin", "/usr/local/bin") and name in programs:
        return True
    if word.startswith("/opt/a1d/share/doc/a1d/"):
        return (ROOT / word.removeprefix("/opt/a1d/share/doc/a1d/")).exists()
    return os.path.lexists(installed / word[1:]) or word == "/usr/local/bin"


def test_a_file_that_is_not_there_would_be_found(installed: Path) -> None:
    assert len(WORDS) > 30
    assert is_there("a1d/doctor/other-daemons.sh", installed) and is_there("/usr/local/bin/a1d-ctl", installed)
    for word in ("systemd/other-daemons.sh", "/opt/a1d/bin/a1d-fan", "/usr/lib/systemd/system/a1d-fan.service"):
        assert not is_there(word, installed)


@pytest.mark.parametrize(("document", "word"), WORDS)
def test_a_file_in_a_command_exists(document: str, word: str, installed: Path) -> None:
    assert is_there(word, installed), f"{document}: {word}"


def test_readme_names_targets_of_make_that_exist() -> None:
    targets = re.findall(r"(?:^|`|sudo )make ([a-z-]+)", README, re.MULTILINE)
    assert len(targets) > 3
    makefile = (ROOT / "Makefile").read_text()
    for target in targets:
        assert re.search(rf"^(?:[\w-]+ )*{target}(?: [\w-]+)*:", makefile, re.MULTILINE), target


def test_readme_has_a_configuration_that_a1d_takes() -> None:
    (block,) = re.findall(r"(?s)```yaml\n(.*?)```", README)
    assert parse_config(block, "README.md") != Config()


@pytest.mark.parametrize("after_s", [0.1, 1.0, 2.5, 4.9, 30.0, 59.9])
def test_readme_says_how_soon_a_case_that_no_longer_answers_is_noticed(
    make_rig: Callable[..., VirtualRig], after_s: float
) -> None:
    """Whenever the fault begins. At a lower duty it takes until the next refresh."""
    before, line = re.search(r"(.*)\n(.* sim fault no-answer on .*)", README).groups()  # type: ignore[union-attr]
    percent, said = (
        re.search(r"fan set (\d+)$", before),
        re.search(r"at (\d+) % status says so within (\w+) seconds", line),
    )
    assert percent and said and percent[1] == said[1]
    rig = make_rig(Config())
    rig.run(5)
    rig.daemon.set_manual(int(percent[1]), None)
    rig.run(after_s)
    rig.case.bus_faults.add(BusFault.NO_ANSWER)
    rig.run({"five": 5, "ten": 10}[said[2]])
    assert rig.daemon.status()["health"]["state"] == "degraded"


@pytest.mark.parametrize(("document", "link"), LINKS)
def test_a_link_leads_somewhere(document: str, link: str) -> None:
    """To a file, and to a heading in it as GitHub names it."""
    name, _, heading = link.partition("#")
    path = (ROOT / document).parent / name if name else ROOT / document
    assert path.exists()
    if heading:
        titles = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
        assert heading in [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles]

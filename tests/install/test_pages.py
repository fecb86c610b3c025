"""The manual pages and completions in the repository are what 'make pages' would make, and programs can read them."""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from a1d.config.settings import Config, ProfileConfig, SensorConfig, key_of
from a1d.mqtt.settings import MqttConfig, TlsConfig
from docs.pages.__main__ import SHARE, SOURCES, date_of, made_by, render, share_path
from docs.pages.completion import PROGRAMS, make_completions
from docs.pages.manual import commands_of, escape, fill, parser_of

ROOT = Path(__file__).parents[2]
PAGES = [SHARE / share_path(source) for source in SOURCES]
STALE = "this changed since: make pages"


def program(name: str) -> str:
    """Where CI lacks it, CI must not pass as if it had looked."""
    found = shutil.which(name)
    if not found and not os.environ.get("CI"):
        pytest.skip(f"needs {name}")
    assert found, f"CI needs {name}"
    return found


def run(*words: str | Path) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    return f"{done.stdout}{done.stderr}"


# -- up to date: none of this needs scdoc ----------------------------------------------------------


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_what_the_code_knows_is_in_the_sources_of_the_pages(source: Path) -> None:
    assert fill(source.read_text()) == source.read_text(), STALE


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_a_page_is_of_its_source(source: Path) -> None:
    first = (SHARE / share_path(source)).read_text().partition("\n")[0]
    assert first == made_by(source.name, source.read_text()), STALE


def test_the_completions_are_those_of_the_parsers() -> None:
    made = make_completions()
    assert {path: (SHARE / path).read_text() for path in made} == made, STALE


def test_nothing_else_is_installed() -> None:
    found = {path for path in SHARE.rglob("*") if path.is_file()}
    assert found == {SHARE / path for path in make_completions()} | set(PAGES)


def test_each_program_has_a_page() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert len(scripts) >= 5
    assert scripts.keys() <= {page.stem for page in PAGES}


def test_each_program_that_takes_options_has_completions() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert set(PROGRAMS) == scripts.keys() - {"a1d-failsafe", "a1d-powercut"}


def test_each_setting_of_mqtt_is_in_its_page() -> None:
    page = (SHARE / "man/man8/a1d-mqtt.8").read_text().replace("\\&", "")
    fields = [*dataclasses.fields(MqttConfig), *dataclasses.fields(TlsConfig)]
    assert len(fields) > 8
    for field in fields:
        kind = "\\fB{}\\fR" if "kind" in field.metadata else ".SH {}"
        name = key_of(field) if "kind" in field.metadata else key_of(field).upper()
        assert f"\n{kind.format(name)}\n" in page


def test_each_setting_and_each_command_is_in_its_page() -> None:
    settings = (SHARE / "man/man5/a1d.yaml.5").read_text().replace("\\&", "")
    sections = [field for field in dataclasses.fields(Config) if "kind" not in field.metadata]
    kinds = [Config, ProfileConfig, SensorConfig, *(type(getattr(Config(), field.name)) for field in sections)]
    for kind in filter(dataclasses.is_dataclass, kinds):
        for field in dataclasses.fields(kind):
            if "kind" in field.metadata:
                assert f"\n\\fB{key_of(field)}\\fR\n" in settings
    for field in sections:
        assert f"\n.SH {key_of(field).upper()}\n" in settings
    commands = (SHARE / "man/man1/a1d-ctl.1").read_text()
    names = [entry.dest for entry, _ in commands_of(parser_of("a1d-ctl"))]
    assert len(names) > 7
    for name in names:
        assert f"\\fB{name}" in commands


def test_what_looks_like_markup_is_none() -> None:
    assert escape("a_b *c* [d] `e` \\") == "a\\_b \\*c\\* \\[d\\] \\`e\\` \\\\"
    assert escape("; no comment") == "\\; no comment"


# -- made by scdoc, read by man and mandoc ----------------------------------------------------------


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_the_pages_are_what_scdoc_makes_of_the_sources(source: Path) -> None:
    program("scdoc")
    page = SHARE / share_path(source)
    date = date_of(page)
    assert date is not None
    assert render(source, date) == page.read_text(), STALE


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_man_and_mandoc_find_no_fault(page: Path) -> None:
    assert run(program("mandoc"), "-Tlint", "-W", "warning", page) == ""
    done = subprocess.run(
        [program("man"), "--warnings", "--local-file", page], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "NAME" in done.stdout
    assert "SEE ALSO" in done.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_names_pages_that_exist(page: Path) -> None:
    """systemd's and those of a1d."""
    ours = {path.name for path in PAGES}
    for name, section in re.findall(r"\\fB([\w.-]+)\\fR\((\d)\)", page.read_text().replace("\\&", "")):
        if name.startswith("a1d"):
            assert f"{name}.{section}" in ours

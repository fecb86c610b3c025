"""The NixOS module, evaluated by Nix itself; nothing is built, and nothing is written outside the test's directory.

First with stand-ins for nixpkgs (./nixos), for which nix-instantiate is enough. Then with a real nixpkgs, or its
lib alone, where there is one: A1D_NIXPKGS=/path/to/it, or <nixpkgs>.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

import a1d
from a1d.config.reader import parse_config
from a1d.config.settings import Config

ROOT = Path(__file__).parents[2]
NIX_FILES = sorted(path for path in ROOT.rglob("*.nix") if not any(part.startswith(".") for part in path.parts))
WANTS_WHOLE = "needs a whole nixpkgs, with nixos: A1D_NIXPKGS=/path/to/it, or <nixpkgs>"
CURVE = {"45": 20, "65": 60.5, "75": 100}
SETTINGS = {
    "interval": "1s",
    "fan": {"curve": CURVE, "hold": 3, "failsafe_percent": 80},
    "sensors": [{"zone": "cpu-thermal"}, {"hwmon": "nvme", "curve": {"55": 20, "70": 100}}],
    "button": {"double_press": ["/bin/systemctl", "restart", "kodi"], "hold": "none"},
}


class Nix:
    """nix-instantiate, with a store of its own that is gone afterwards."""

    def __init__(self, program: str, here: Path) -> None:
        self._program = program
        self._environ = {"PATH": os.environ["PATH"], "NIX_PATH": os.environ.get("NIX_PATH", ""), "HOME": str(here)}
        self._environ |= {"NIX_CONFIG": "build-users-group =", "NIX_STORE_DIR": f"{here}/store"}
        for name in ("STATE", "LOG", "CONF"):
            self._environ[f"NIX_{name}_DIR"] = f"{here}/{name}"

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [self._program, *arguments]
        return subprocess.run(command, env=self._environ, capture_output=True, text=True, check=False, timeout=120)

    def try_evaluate(self, file: str, *options: str, **texts: str) -> subprocess.CompletedProcess[str]:
        """What an expression of tests/install/nixos gives, or what is wrong with it."""
        arguments = [word for name, text in texts.items() for word in ("--argstr", name, text)]
        return self.run("--eval", "--strict", "--json", *options, *arguments, ROOT / "tests/install/nixos" / file)

    def evaluate(self, file: str, *options: str, **texts: str) -> Any:
        done = self.try_evaluate(file, *options, **texts)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


class Evaluated:
    """The module, in whatever NixOS there is."""

    def __init__(self, nix: Nix, package: Path, nixpkgs: str | None) -> None:
        self._nix = nix
        self._package = str(package)
        self._nixpkgs = {} if nixpkgs is None else {"nixpkgs": nixpkgs}
        self._made: dict[str, dict[str, Any]] = {}  # a whole NixOS takes seconds

    def __call__(
        self,
        settings: object = None,
        *,
        package: str | None = None,
        others: dict[str, object] | None = None,
        **more: object,
    ) -> dict[str, Any]:
        """``others``: services besides a1d; ``more``: what is no service."""
        derivation = {"type": "derivation", "name": "a1d", "outPath": package or self._package}
        ours = {"enable": True, "package": derivation, "settings": settings or {}}
        configuration = json.dumps({**more, "services": {**(others or {}), "a1d": ours}})
        if configuration not in self._made:
            made = self._nix.evaluate("evaluate.nix", configuration=configuration, **self._nixpkgs)
            self._made[configuration] = made
        return self._made[configuration]


@pytest.fixture(scope="module")
def nix(tmp_path_factory: pytest.TempPathFactory) -> Nix:
    """Where there is none, CI must not pass as if it had looked."""
    program = shutil.which("nix-instantiate")
    if not program and not os.environ.get("CI"):
        pytest.skip("needs nix-instantiate, of Debian's package nix-bin")
    assert program, "CI needs nix-instantiate, of Debian's package nix-bin"
    return Nix(program, tmp_path_factory.mktemp("nix"))


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An a1d that runs from the sources, installed or not."""
    here = tmp_path_factory.mktemp("package")
    (here / "bin").mkdir()
    path = shlex.quote(":".join([str(ROOT), *sys.path]))
    for name, module in (("a1d", "a1d"), ("a1d-ctl", "a1d.client.main"), ("a1d-failsafe", "a1d.case.failsafe")):
        program = here / "bin" / name
        program.write_text(f'#!/bin/sh\nPYTHONPATH={path} exec {shlex.quote(sys.executable)} -m {module} "$@"\n')
        program.chmod(0o755)
    return here


def find_nixpkgs(nix: Nix) -> str:
    return os.environ.get("A1D_NIXPKGS") or nix.run("--find-file", "nixpkgs").stdout.strip()


@pytest.fixture(scope="module", params=["stand-ins", "nixpkgs"])
def evaluated(nix: Nix, package: Path, request: pytest.FixtureRequest) -> Evaluated:
    if request.param == "stand-ins":
        return Evaluated(nix, package, None)
    found = find_nixpkgs(nix)
    if not found:
        pytest.skip("needs a nixpkgs, or its lib alone: A1D_NIXPKGS=/path/to/it, or <nixpkgs>")
    return Evaluated(nix, package, found)


@pytest.fixture(scope="module")
def nixpkgs(nix: Nix) -> str:
    found = find_nixpkgs(nix)
    if not found or not Path(found, "nixos").is_dir():
        pytest.skip(WANTS_WHOLE)
    return found


def sections(unit: str) -> dict[str, dict[str, list[str]]]:
    """The settings of a unit file, each with all its values."""
    found: dict[str, dict[str, list[str]]] = {}
    for line in unit.splitlines():
        if header := re.fullmatch(r"\[(\w+)]", line):
            section = found.setdefault(header[1], {})
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            section.setdefault(key, []).append(value)
    return found


def our_unit(package: Path) -> dict[str, dict[str, list[str]]]:
    return sections((ROOT / "systemd/a1d.service").read_text().replace("/opt/a1d", str(package)))


def as_lists(settings: dict[str, Any]) -> dict[str, list[str]]:
    return {key: value if isinstance(value, list) else [value] for key, value in settings.items()}


# -- the service -----------------------------------------------------------------------------------


def test_the_unit_is_that_of_systemd(evaluated: Evaluated, package: Path) -> None:
    made, ours = evaluated(), our_unit(package)
    assert as_lists(made["serviceConfig"]) == ours["Service"]
    unit = {
        "Description": [made["description"]],
        "Documentation": made["documentation"],
        "Wants": [" ".join(made["wants"])],
        "After": [" ".join(made["after"])],
        **as_lists(made["unitConfig"]),
    }
    assert unit == ours["Unit"]
    assert {"WantedBy": made["wantedBy"]} == ours["Install"]


def test_the_unit_file_is_that_of_systemd_and_as_safe(evaluated: Evaluated, package: Path, tmp_path: Path) -> None:
    """As NixOS itself writes it."""
    made = evaluated()
    if not made["isNixos"]:
        pytest.skip(WANTS_WHOLE)
    theirs, ours = sections(made["unit_text"]), our_unit(package)
    assert theirs["Service"].pop("X-StopIfChanged") == ["false"]
    # NixOS gives every service a path, a locale and time zones.
    environment = [text for text in theirs["Service"]["Environment"] if not text.startswith('"')]
    assert theirs["Service"] | {"Environment": environment} == ours["Service"]
    assert len(theirs["Unit"].pop("X-Reload-Triggers")) == 1
    assert theirs["Unit"] == ours["Unit"]
    if analyze := shutil.which("systemd-analyze"):
        file = tmp_path / "a1d.service"
        file.write_text(made["unit_text"])
        for check in (["verify", "--man=no"], ["security", "--offline=true", "--threshold=5"]):
            done = subprocess.run([analyze, *check, file], capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr


def test_changed_settings_are_a_reload_and_nothing_else(evaluated: Evaluated) -> None:
    """NixOS restarts a unit if anything but its reload triggers changes."""
    before, after = evaluated(), evaluated(SETTINGS)
    changed = {key for key in before if before[key] != after[key] and key not in ("settings", "unit_text")}
    assert changed == {"config_file", "reload_triggers"}
    assert after["reload_triggers"] == [after["config_file"]]
    units = [re.sub("X-Reload-Triggers=.*", "", str(made["unit_text"])) for made in (before, after)]
    assert units[0] == units[1]


def test_another_package_is_a_restart_in_one_step(evaluated: Evaluated) -> None:
    before, after = evaluated(), evaluated(package="/nix/store/another")
    assert before["serviceConfig"] != after["serviceConfig"]
    assert after["serviceConfig"]["ExecStart"] == "/nix/store/another/bin/a1d"
    assert after["stopIfChanged"] is False
    assert after["restart_triggers"] == []
    assert after["enableStrictShellChecks"] is True


# -- the configuration -----------------------------------------------------------------------------


def build(made: dict[str, Any], settings: object, here: Path) -> subprocess.CompletedProcess[str]:
    """What Nix would run to make the file, run by hand, from YAML in blocks as nixpkgs makes it."""
    (here / "written").write_text(yaml.safe_dump(settings, default_flow_style=False))
    environ = {"PATH": os.environ["PATH"], "written": str(here / "written"), "out": str(here / "out")}
    command = ["sh", "-eu", "-c", made["config_script"]]
    return subprocess.run(command, cwd=here, env=environ, capture_output=True, text=True, check=False, timeout=20)


def test_the_file_is_checked_and_says_what_the_settings_say(evaluated: Evaluated, tmp_path: Path) -> None:
    made = evaluated(SETTINGS)
    done = build(made, made["settings"], tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "config.yaml: fine\n", "")
    assert parse_config((tmp_path / "out").read_text()) == parse_config(json.dumps(SETTINGS))
    assert made["settings"]["fan"]["curve"] == CURVE, "a user's curve takes the place of the default one"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"fan": {"hold": "soon"}}, "fan.hold: found 'soon', expected a duration from 0s to 10m"),
        ({"fan": {"curve": {"50": 40, "60": 10}}}, "fan must not slow down as it gets hotter"),
        ({"fan": {"hysteresis": 3}}, "fan.hysteresis: unknown key, did you mean 'hysteresis_celsius'?"),
        ({"button": {"hold": "sleep"}}, "button.hold: found 'sleep', expected reboot, poweroff, none"),
        ({"case": {"protocol": "v5"}}, "case.protocol: found 'v5', expected register or legacy"),
    ],
)
def test_a_bad_setting_fails_the_build_in_our_words(
    evaluated: Evaluated, settings: object, words: str, tmp_path: Path
) -> None:
    made = evaluated(settings)
    done = build(made, made["settings"], tmp_path)
    assert done.returncode != 0
    found = re.search(rf"^config\.yaml:(\d+): .*{re.escape(words)}", done.stderr, re.MULTILINE)
    assert found, done.stderr
    line = (tmp_path / "written").read_text().splitlines()[int(found[1]) - 1]
    assert re.search(rf"^ *{found[1]}\t{re.escape(line)}$", done.stderr[: found.start()], re.MULTILINE), done.stderr
    assert "services.a1d.settings" in done.stderr[found.end() :]
    assert not (tmp_path / "out").exists()


def test_the_defaults_are_those_of_a1d(evaluated: Evaluated) -> None:
    assert parse_config(json.dumps(evaluated()["settings"])) == Config()


# -- the rest of the system ------------------------------------------------------------------------


def test_the_hardware_is_within_reach_of_a_static_user(evaluated: Evaluated, package: Path) -> None:
    made = evaluated()
    assert made["is_i2c_on"] is True
    assert made["udev_rules"] == [(ROOT / "systemd/a1d.udev").read_text()]
    assert {"a1d", "gpio", "i2c"} <= set(made["groups"])
    sysusers = (ROOT / "systemd/a1d.sysusers").read_text()
    (described,) = re.findall(r'^u a1d - "(.*)"$', sysusers, re.MULTILINE)
    members = re.findall(r"^m a1d (\w+)$", sysusers, re.MULTILINE)
    user = {"description": described, "extraGroups": members, "group": "a1d", "isSystemUser": True}
    assert made["user"] == user
    assert made["system_packages"] in ([str(package)], None), "a1d-ctl is there for everybody"


def test_it_may_reboot_and_power_off_and_the_power_is_cut(evaluated: Evaluated, package: Path) -> None:
    made = evaluated()
    assert made["is_polkit_on"] is True
    assert (ROOT / "systemd/a1d.rules").read_text().strip() in made["polkit_rules"]
    assert made["shutdown_hook"] == f"{package}/bin/a1d-powercut"


def test_what_cannot_work_is_said(evaluated: Evaluated) -> None:
    assert evaluated()["complaints"] == []
    (complaint,) = evaluated(others={"hardware": {"argonone": {"enable": True}}})["complaints"]
    assert "Set services.hardware.argonone.enable = false" in complaint
    if not evaluated()["isNixos"]:  # an option that argononed brings itself
        (complaint,) = evaluated(others={"argonone": {"enable": True}})["complaints"]
        assert "Set services.argonone.enable = false" in complaint
    no_polkit = {"polkit": {"enable": False}}
    (complaint,) = evaluated(security=no_polkit)["complaints"]
    assert "without polkit only root may" in complaint
    commands = {"button": {"double_press": "none", "hold": ["/bin/true"]}}
    assert evaluated(commands, security=no_polkit)["complaints"] == []


# -- the files -------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", NIX_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_it_is_nix(nix: Nix, path: Path) -> None:
    done = nix.run("--parse", path)
    assert done.returncode == 0, done.stderr
    assert not re.search(r"[ \t]$|\t|.{121}", path.read_text(), re.MULTILINE)


def test_they_are_as_nixfmt_formats_them() -> None:
    nixfmt = shutil.which("nixfmt")
    if not nixfmt:
        pytest.skip("needs nixfmt, which Debian has not")
    done = subprocess.run([nixfmt, "--check", *NIX_FILES], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_documents_show_nix_that_works(nix: Nix) -> None:
    blocks = re.findall(r"^```nix\n(.*?)^```", (ROOT / "docs/nixos.md").read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) > 3
    for block in blocks:
        done = nix.run("--parse", "-E", block if block.startswith("{") else f"{{ {block} }}")
        assert done.returncode == 0, done.stderr
    (example,) = (block for block in blocks if "hwmon" in block)
    settings = f'(({example}) {{ pkgs.systemd = "/systemd"; }}).services.a1d.settings'
    done = nix.run("--eval", "--strict", "--json", "-E", settings)
    assert parse_config(done.stdout).sensors[1].name == "nvme"


def test_the_package_has_what_pyproject_asks_for(nix: Nix) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    floors = dict(text.split(">=") for text in project["dependencies"])
    made = nix.evaluate("package.nix", gpiozero="2.0.1")
    assert made["dependencies"].keys() == floors.keys()
    assert made["dependencies"]["gpiozero"] == floors["gpiozero"], "nixpkgs' own is too old"
    assert made["version"] == a1d.__version__
    assert all(Path(path).exists() for path in made["paths"])
    assert nix.evaluate("package.nix", gpiozero="2.1")["dependencies"]["gpiozero"] == "2.1"


def test_the_flake_offers_all_of_it_for_both_machines(nix: Nix) -> None:
    made = nix.evaluate("flake.nix")
    assert made["inputs"] == ["nixpkgs"]
    assert made["module"] == str(ROOT / "nixos-module")
    for part in ("packages", "devShells", "formatter", "checks"):
        assert set(made[part]) == {"aarch64-linux", "x86_64-linux"}
    package = str(ROOT / "nixos-module/package.nix")
    assert made["overlay"] == {"a1d": package}
    assert made["packages"]["aarch64-linux"] == {"default": package}
    checks = made["checks"]
    assert checks["aarch64-linux"].keys() == {"configuration", "formatting", "package"}
    assert checks["x86_64-linux"].keys() == {"configuration", "formatting", "package", "vm"}
    options = {"nixpkgs": {"hostPlatform": "aarch64-linux"}, "services": {"a1d": {"enable": True}}}
    assert checks["aarch64-linux"]["configuration"] == [made["module"], options]


@pytest.mark.parametrize("part", ["packages", "configurations"])
def test_the_flake_evaluates_to_derivations(nix: Nix, nixpkgs: str, part: str) -> None:
    made = nix.evaluate("derivations.nix", "-A", part, nixpkgs=nixpkgs)
    assert made.keys() == {"aarch64-linux", "x86_64-linux"}
    assert all(path.endswith(".drv") for path in made.values())


def test_the_virtual_machine_evaluates_to_a_derivation(nix: Nix, nixpkgs: str) -> None:
    any_vm = nix.try_evaluate("derivations.nix", "-A", "any_vm", nixpkgs=nixpkgs)
    if any_vm.returncode:
        pytest.skip(f"not even an empty machine evaluates: {any_vm.stderr.rpartition('error: ')[2].splitlines()[0]}")
    assert nix.evaluate("derivations.nix", "-A", "vm", nixpkgs=nixpkgs).endswith(".drv")


def test_the_script_for_the_virtual_machine_is_python(nix: Nix) -> None:
    """That is all that is known of it here."""
    script = nix.run("--eval", "--strict", "--json", "-A", "testScript", ROOT / "nixos-module/vm-test.nix").stdout
    ast.parse(json.loads(script))

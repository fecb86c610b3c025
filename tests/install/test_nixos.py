"""The NixOS module, evaluated by Nix itself; nothing is built, and nothing is written outside the test's directory.

First with stand-ins for nixpkgs (./nixos), for which nix-instantiate is enough. Then with a real nixpkgs, or its
lib alone, where there is one: A1D_NIXPKGS=/path/to/it, or <nixpkgs>.
"""

from __future__ import annotations

import ast
import base64
import importlib.util
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
from a1d.mqtt.settings import parse_settings
from tests.install.nixpkgs_submission import TARGET, make_submission

ROOT = Path(__file__).parents[2]
NIX_FILES = sorted(path for path in ROOT.rglob("*.nix") if not any(part.startswith(".") for part in path.parts))
WANTS_WHOLE = "needs a whole nixpkgs, with nixos: A1D_NIXPKGS=/path/to/it, or <nixpkgs>"
WANTS_LIB = "needs a nixpkgs, or its lib alone: A1D_NIXPKGS=/path/to/it, or <nixpkgs>"
OVERLAY: dict[str, Any] = {"system": {"etc": {"overlay": {"enable": True}}}}
# A root with an overlay on its /etc, as NixOS mounts one; the script runs in it, then the overlay goes.
BENEATH = """
    mkdir root
    mount -t tmpfs root root
    cd root
    mkdir dev etc run run/beneath proc tmp upper work lower
    for name in bin lib lib64 usr; do
        if [ -L "/$name" ]; then
            cp -P "/$name" .
        elif [ -d "/$name" ]; then
            mkdir "$name"
            mount --rbind "/$name" "$name"
        fi
    done
    cp ../script .
    mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work overlay etc
    RUNTIME_DIRECTORY=/run/beneath chroot . sh -eu /script
    printf 'from the overlay: '
    readlink etc/systemd/system-shutdown || echo none
    umount etc
    printf 'beneath: '
    readlink etc/systemd/system-shutdown
"""
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

    def flake(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The newer command, whose flakes are an experiment still."""
        program = Path(self._program).with_name("nix")
        environ = self._environ | {"NIX_CONFIG": "build-users-group =\nexperimental-features = nix-command flakes"}
        command = [str(program), "flake", *arguments]
        return subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=120)

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
        ours |= {name: more.pop(name) for name in ("metrics", "mqtt") if name in more}
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
    modules = {"a1d": "a1d", "a1d-ctl": "a1d.client.main", "a1d-failsafe": "a1d.case.failsafe"}
    for name, module in (*modules.items(), ("a1d-mqtt", "a1d.mqtt.main")):
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
        pytest.skip(WANTS_LIB)
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


# -- the package -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def made_package(nix: Nix) -> dict[str, Any]:
    found: dict[str, Any] = nix.evaluate("package.nix", "--arg", "withTests", "false")
    return found


@pytest.fixture(scope="module")
def installed(made_package: dict[str, Any], package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the package's build installs besides the Python part, in ``package``: its own script, run by hand."""
    here = tmp_path_factory.mktemp("build")
    for path in map(Path, made_package["paths"]):
        if path.is_relative_to(ROOT / "systemd"):
            (here / "systemd").mkdir(exist_ok=True)
            shutil.copy(path, here / "systemd")
    environ = {"PATH": os.environ["PATH"], "out": str(package)}
    subprocess.run(["sh", "-eu", "-c", made_package["postInstall"]], cwd=here, env=environ, check=True)
    return package


def test_the_package_installs_the_files_of_systemd(installed: Path) -> None:
    def ours(name: str) -> str:
        return (ROOT / "systemd" / name).read_text()

    for name in ("a1d.service", "a1d-metrics.socket", "a1d-metrics@.service", "a1d-mqtt.service"):
        unit = ours(name).replace("/opt/a1d/share", "/run/current-system/sw/share")
        assert (installed / "lib/systemd/system" / name).read_text() == unit.replace("/opt/a1d", str(installed))
    assert (installed / "lib/sysusers.d/a1d.conf").read_text() == ours("a1d.sysusers")
    assert (installed / "lib/udev/rules.d/60-a1d.rules").read_text() == ours("a1d.udev")
    assert (installed / "share/polkit-1/rules.d/50-a1d.rules").read_text() == ours("a1d.rules")
    assert os.readlink(installed / "lib/systemd/system-shutdown/a1d-powercut") == f"{installed}/bin/a1d-powercut"


def test_the_package_has_what_pyproject_asks_for(made_package: dict[str, Any]) -> None:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [*pyproject["project"]["dependencies"], *pyproject["project"]["optional-dependencies"]["mqtt"]]
    floors = dict(text.split(">=") for text in wanted)
    assert set(made_package["dependencies"]) == floors.keys()
    assert made_package["version"] == a1d.__version__
    assert all(Path(path).exists() for path in made_package["paths"])
    assert made_package["meta"]["mainProgram"] in pyproject["project"]["scripts"]
    for module in made_package["pythonImportsCheck"]:
        assert importlib.util.find_spec(module), module


def test_the_package_builds_without_the_readme(made_package: dict[str, Any], tmp_path: Path) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    subprocess.run(["sh", "-eu", "-c", made_package["postPatch"]], cwd=tmp_path, check=True)
    assert "readme" not in tomllib.loads((tmp_path / "pyproject.toml").read_text())["project"]


def test_manual_pages_and_completions_come_with_the_documents(nix: Nix, tmp_path: Path) -> None:
    environ = {"PATH": os.environ["PATH"], "out": str(tmp_path / "out"), "pages": str(ROOT / "docs/pages/share")}
    script = nix.evaluate("docs.nix")
    subprocess.run(["sh", "-eu", "-c", script], env=environ | {"documents": str(ROOT / "docs")}, check=True)
    share = tmp_path / "out/share"
    assert (share / "doc/a1d/safety.md").exists()
    for made in ("man/man8/a1d.8", "zsh/site-functions/_a1d-ctl", "bash-completion/completions/a1d-ctl"):
        ours = ROOT / "docs/pages/share" / made.replace("site-functions", "vendor-completions")
        assert (share / made).read_text() == ours.read_text()
    assert {path.name for path in share.iterdir()} == {"bash-completion", "doc", "fish", "man", "zsh"}


def test_an_edit_of_documents_or_tests_makes_no_other_package(nix: Nix, made_package: dict[str, Any]) -> None:
    ours = {str(Path(path).relative_to(ROOT)) for path in made_package["paths"]}
    units = {"systemd/a1d.service", "systemd/a1d.rules", "systemd/a1d.sysusers", "systemd/a1d.udev"}
    units |= {"systemd/a1d-metrics.socket", "systemd/a1d-metrics@.service", "systemd/a1d-mqtt.service"}
    assert ours == {"a1d", "pyproject.toml", "LICENSE"} | units
    assert made_package["check_inputs"] == ["versionCheckHook"]
    tested = nix.evaluate("package.nix", "--arg", "withTests", "true")
    assert {"pytestCheckHook", "versionCheckHook"} <= set(tested["check_inputs"])
    assert str(ROOT / "tests") in tested["paths"]
    assert all((ROOT / path).exists() for path in tested["enabledTestPaths"])


# -- the service -----------------------------------------------------------------------------------


def test_the_module_uses_what_the_package_installs(evaluated: Evaluated, package: Path) -> None:
    made = evaluated()
    assert made["units_of"] == made["udev_rules_of"] == [str(package)]
    assert made["system_packages"] in ([str(package)], None), "a1d-ctl for everybody, and polkit's rules"
    wanted_by = sections((ROOT / "systemd/a1d.service").read_text())["Install"]["WantedBy"]
    assert made["wantedBy"] == wanted_by, "NixOS does not read a unit's own [Install]"


def test_the_module_adds_nothing_to_the_unit_but_when_it_changes(
    evaluated: Evaluated, installed: Path, tmp_path: Path
) -> None:
    made = evaluated()
    assert (made["service_config"], made["unit_config"]) == ({}, {})
    if not made["isNixos"]:
        pytest.skip(WANTS_WHOLE)
    assert made["override_strategy"] == "asDropinIfExists"
    drop_in = sections(made["drop_in"])
    assert len(drop_in["Unit"].pop("X-Reload-Triggers")) == 1
    assert drop_in["Service"].pop("X-StopIfChanged") == ["false"]
    # NixOS gives every service a path, a locale and time zones.
    assert all(text.startswith('"') for text in drop_in["Service"].pop("Environment"))
    assert drop_in == {"Unit": {}, "Service": {}, "Install": {"WantedBy": ["multi-user.target"]}}
    if analyze := shutil.which("systemd-analyze"):
        unit = shutil.copy(installed / "lib/systemd/system/a1d.service", tmp_path)
        (tmp_path / "a1d.service.d").mkdir()
        (tmp_path / "a1d.service.d/overrides.conf").write_text(made["drop_in"])
        for check in (["verify", "--man=no"], ["security", "--offline=true", "--threshold=5"]):
            done = subprocess.run([analyze, *check, unit], capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr


def test_changed_settings_are_a_reload_and_nothing_else(evaluated: Evaluated) -> None:
    """NixOS restarts a unit if anything but its reload triggers changes."""
    before, after = evaluated(), evaluated(SETTINGS)
    changed = {key for key in before if before[key] != after[key] and key not in ("settings", "drop_in")}
    assert changed == {"config_file", "reload_triggers"}
    assert after["reload_triggers"] == [after["config_file"]]
    drop_ins = [re.sub("X-Reload-Triggers=.*", "", str(made["drop_in"])) for made in (before, after)]
    assert drop_ins[0] == drop_ins[1]


def test_another_package_is_a_restart_in_one_step(evaluated: Evaluated) -> None:
    """The unit is the package's own, and names the package's programs."""
    after = evaluated(package="/nix/store/another")
    assert after["units_of"] == ["/nix/store/another"]
    assert after["stopIfChanged"] is False
    assert after["restart_triggers"] == []


def test_the_sandbox_can_be_changed_as_usual(evaluated: Evaluated) -> None:
    """A user's true used to conflict with the module's "yes"."""
    made = evaluated(systemd={"services": {"a1d": {"serviceConfig": {"PrivateTmp": True}}}})
    assert made["service_config"] == {"PrivateTmp": True}


# -- monitoring -------------------------------------------------------------------------------------


def test_nothing_of_monitoring_is_enabled_by_itself(evaluated: Evaluated) -> None:
    made = evaluated()
    assert made["socket_wanted_by"] == []
    assert made["mqtt"] is None


def test_metrics_are_a_socket_that_is_wanted(evaluated: Evaluated) -> None:
    wanted_by = sections((ROOT / "systemd/a1d-metrics.socket").read_text())["Install"]["WantedBy"]
    assert evaluated(metrics={"enable": True})["socket_wanted_by"] == wanted_by


@pytest.mark.parametrize("settings", [{}, {"broker": "homeassistant.local"}, {"steering": False}])
def test_mqtt_that_only_reads_is_not_in_the_group_that_may_steer(
    evaluated: Evaluated, settings: dict[str, object]
) -> None:
    assert evaluated(mqtt={"enable": True, "settings": settings})["mqtt"]["group"] == ""


def test_mqtt_is_its_file_checked_and_its_credentials(evaluated: Evaluated, tmp_path: Path) -> None:
    settings = {"broker": "homeassistant.local", "steering": True}
    credentials = {"mqtt.user": "/run/secrets/user", "mqtt.password": "/run/secrets/password"}
    made = evaluated(mqtt={"enable": True, "settings": settings, "credentials": credentials})["mqtt"]
    assert made["wantedBy"] == sections((ROOT / "systemd/a1d-mqtt.service").read_text())["Install"]["WantedBy"]
    assert made["credentials"] == [f"{name}:{path}" for name, path in sorted(credentials.items())]
    assert made["restart_triggers"] == [made["file"]]
    assert made["group"] is None, "the unit's own, which may steer"
    done = build({"config_script": made["script"]}, settings, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "mqtt.yaml: fine\n", "")
    assert parse_settings((tmp_path / "out").read_text(), "out").steering is True
    done = build({"config_script": made["script"]}, {"broker": 5, "password": "secret"}, tmp_path)
    assert done.returncode != 0
    assert "mqtt.yaml:1: broker: found 5, expected the name or the address of a host" in done.stderr
    assert "a1d-mqtt does not accept services.a1d.mqtt.settings" in done.stderr


# -- the power cut ---------------------------------------------------------------------------------


def test_the_hook_lies_beneath_an_overlay_on_etc_too(evaluated: Evaluated) -> None:
    """systemd-shutdown has unmounted the overlay when it looks for hooks."""
    assert evaluated()["hook_below_the_overlay"] is None
    hook = evaluated(**OVERLAY)["hook_below_the_overlay"]
    assert hook["wantedBy"] == ["multi-user.target"]
    assert hook["enableStrictShellChecks"] is True
    service = hook["serviceConfig"]
    assert (service["Type"], service["RemainAfterExit"], service["PrivateMounts"]) == ("oneshot", True, True)
    assert not {"ExecStop", "ExecStopPost"} & service.keys(), "it would take the hook away at shutdown"


def test_its_script_writes_beneath_the_overlay_and_only_there(evaluated: Evaluated, tmp_path: Path) -> None:
    """In a mount namespace of its own, in a root with an overlay on /etc."""
    if os.geteuid() or subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
        pytest.skip("needs root that may mount")
    script = evaluated(**OVERLAY)["hook_below_the_overlay"]["script"]
    (tmp_path / "script").write_text(script)
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-eu", "-c", BENEATH], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    hooks = "/run/current-system/etc/systemd/system-shutdown"
    assert done.stdout.splitlines() == ["from the overlay: none", f"beneath: {hooks}"]
    if shellcheck := shutil.which("shellcheck", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}"):
        command = [shellcheck, "-s", "bash", str(tmp_path / "script")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


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
    assert (done.returncode, done.stdout) == (0, "config.yaml: fine\n")
    (warning,) = done.stderr.splitlines()
    assert warning.startswith("config.yaml: warning: button.hold: none leaves the system running")
    assert parse_config((tmp_path / "out").read_text()) == parse_config(json.dumps(SETTINGS))
    assert made["settings"]["fan"]["curve"] == CURVE, "a user's curve takes the place of the default one"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"fan": {"hold": "soon"}}, "fan.hold: found 'soon', expected a duration from 0s to 10m"),
        ({"fan": {"curve": {"50": 40, "60": 10}}}, "fan must not slow down as it gets hotter"),
        ({"fan": {"hysteresis": 3}}, "fan.hysteresis: unknown key, did you mean 'hysteresis_celsius'?"),
        ({"fan": {"interpolation": "cubic"}}, "fan.interpolation: found 'cubic', expected linear or step"),
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


@pytest.mark.parametrize(
    ("settings", "option"),
    [
        ({"button": {"hold": "sleep"}}, "button.hold"),
        ({"case": {"protocol": "v5"}}, "case.protocol"),
        ({"fan": {"on_stop": "off"}}, "fan.on_stop"),
    ],
)
def test_where_the_values_are_few_nix_names_them(nix: Nix, settings: object, option: str) -> None:
    nixpkgs = find_nixpkgs(nix)
    if not nixpkgs:
        pytest.skip(WANTS_LIB)
    configuration = json.dumps({"services": {"a1d": {"enable": True, "settings": settings}}})
    done = nix.try_evaluate("evaluate.nix", "-A", "settings", configuration=configuration, nixpkgs=nixpkgs)
    assert done.returncode != 0
    assert re.search(rf"services\.a1d\.settings\.{option}' is not of type `one of ", done.stderr), done.stderr


def test_a_warning_of_a1d_reaches_the_builds_output(evaluated: Evaluated, tmp_path: Path) -> None:
    speaks = tmp_path / "bin/a1d"
    speaks.parent.mkdir()
    speaks.write_text("#!/bin/sh\necho 'config.yaml:3: odd, but so be it' >&2\n")
    speaks.chmod(0o755)
    made = evaluated(package=str(tmp_path))
    done = build(made, made["settings"], tmp_path)
    assert (done.returncode, done.stderr) == (0, "config.yaml:3: odd, but so be it\n")


def test_the_defaults_are_those_of_a1d(evaluated: Evaluated) -> None:
    assert parse_config(json.dumps(evaluated()["settings"])) == Config()


def test_who_drops_a_default_is_warned(evaluated: Evaluated) -> None:
    nvme = {"name": "nvme", "hwmon": "nvme"}
    assert evaluated()["warnings"] == evaluated(SETTINGS)["warnings"] == []
    (warning,) = evaluated({"sensors": [nvme]})["warnings"]
    assert "nobody watches the CPU" in warning
    (warning,) = evaluated({"fan": {"curve": {"75": 100}}})["warnings"]
    assert "single point" in warning
    (warning,) = evaluated({"button": {"backend": "gpiozero"}})["warnings"]
    assert "2.0.1.post3" in warning


def test_adding_is_with_mk_option_default(nix: Nix) -> None:
    nixpkgs = find_nixpkgs(nix)
    if not nixpkgs:
        pytest.skip(WANTS_LIB)
    made = nix.evaluate("add.nix", nixpkgs=nixpkgs)
    assert sorted(sensor["name"] for sensor in made["sensors"]) == ["cpu", "nvme"]


# -- the rest of the system ------------------------------------------------------------------------


def test_the_hardware_is_within_reach_of_a_static_user(evaluated: Evaluated) -> None:
    made = evaluated()
    assert made["is_i2c_on"] is True
    assert made["is_polkit_on"] is True
    assert {"a1d", "gpio", "i2c"} <= set(made["groups"])
    sysusers = (ROOT / "systemd/a1d.sysusers").read_text()
    (described,) = re.findall(r'^u a1d - "(.*)"$', sysusers, re.MULTILINE)
    members = re.findall(r"^m a1d (\w+)$", sysusers, re.MULTILINE)
    user = {"description": described, "extraGroups": members, "group": "a1d", "isSystemUser": True}
    assert made["user"] == user


def test_the_buss_other_group_is_for_the_service_and_not_for_the_user(evaluated: Evaluated) -> None:
    made = evaluated(hardware={"i2c": {"group": "wheel"}})
    assert made["user"] == evaluated()["user"]
    assert made["service_config"] == {"SupplementaryGroups": ["wheel"]}


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
    (example,) = (block for block in blocks if "double_press" in block)
    settings = f'(({example}) {{ pkgs.systemd = "/systemd"; }}).services.a1d.settings'
    done = nix.run("--eval", "--strict", "--json", "-E", settings)
    assert parse_config(done.stdout).sensors[1].name == "nvme"


def test_the_flake_offers_all_of_it_for_every_machine(nix: Nix) -> None:
    made = nix.evaluate("flake.nix")
    assert made["inputs"] == ["nixpkgs"]
    assert made["modules"] == {"a1d": str(ROOT / "nixos-module"), "default": str(ROOT / "nixos-module")}
    linux = {"aarch64-linux", "x86_64-linux"}
    for part in ("packages", "checks"):
        assert set(made[part]) == linux
    for part in ("devShells", "formatter"):
        assert set(made[part]) == linux | {"aarch64-darwin"}
    for system, shells in made["devShells"].items():
        needs_linux = {"gpiod", "gpiozero"} & set(shells["default"]["packages"])
        assert bool(needs_linux) is (system in linux)
    package = str(ROOT / "nixos-module/package.nix")
    assert made["overlay"]["a1d"]["path"] == made["packages"]["aarch64-linux"]["default"]["path"] == package
    checks = made["checks"]
    everywhere = {"configuration", "docs", "formatting", "nixos", "package", "pytest"}
    assert checks["aarch64-linux"].keys() == everywhere
    assert checks["x86_64-linux"].keys() == everywhere | {"vm"}
    module, options = checks["aarch64-linux"]["configuration"]
    assert module == str(ROOT / "nixos-module")
    assert options["services"] == {"a1d": {"enable": True}}
    assert options["nixpkgs"] == {"hostPlatform": "aarch64-linux"}
    assert re.fullmatch(r"\d\d\.\d\d", options["system"]["stateVersion"])
    assert (Path(made["template"]) / "flake.nix").exists()


def test_the_lock_is_what_nix_would_write() -> None:
    text = (ROOT / "flake.lock").read_text()
    lock = json.loads(text)
    assert text == json.dumps(lock, indent=2, sort_keys=True) + "\n"
    assert (lock["version"], lock["root"]) == (7, "root")
    assert lock["nodes"].keys() == {"root", "nixpkgs"}
    assert lock["nodes"]["root"] == {"inputs": {"nixpkgs": "nixpkgs"}}
    locked, original = lock["nodes"]["nixpkgs"]["locked"], lock["nodes"]["nixpkgs"]["original"]
    (url,) = re.findall(r'nixpkgs\.url = "(.*)";', (ROOT / "flake.nix").read_text())
    assert url == "{type}:{owner}/{repo}/{ref}".format(**original)
    assert {key: locked[key] for key in ("type", "owner", "repo")} == {
        key: original[key] for key in ("type", "owner", "repo")
    }
    assert re.fullmatch("[0-9a-f]{40}", locked["rev"])
    assert len(base64.b64decode(locked["narHash"].removeprefix("sha256-"), validate=True)) == 32
    assert isinstance(locked["lastModified"], int)


def test_nix_takes_the_lock_as_it_is(nix: Nix, tmp_path: Path) -> None:
    for name in ("flake.nix", "flake.lock"):
        shutil.copy(ROOT / name, tmp_path)
    done = nix.flake("metadata", "--json", "--no-update-lock-file", "--offline", f"path:{tmp_path}")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["locks"] == json.loads((ROOT / "flake.lock").read_text())


@pytest.mark.parametrize("part", ["packages", "configurations", "docs", "tests", "shells", "formatters"])
def test_the_flake_evaluates_to_derivations(nix: Nix, nixpkgs: str, part: str) -> None:
    made = nix.evaluate("derivations.nix", "-A", part, nixpkgs=nixpkgs)
    macs = {"aarch64-darwin"} if part in ("shells", "formatters") else set()
    assert made.keys() == {"aarch64-linux", "x86_64-linux"} | macs
    assert all(path.endswith(".drv") for path in made.values())


ETC_OVERLAY = {"system": {"etc": {"overlay": {"enable": True}}}, "boot": {"initrd": {"systemd": {"enable": True}}}}


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"networking": {"useNetworkd": True, "useDHCP": False}},
        {"users": {"mutableUsers": False}},
        ETC_OVERLAY | {"services": {"userborn": {"enable": True}}},
        {"boot": {"isNspawnContainer": True}},
        {"system": ETC_OVERLAY["system"] | {"nixos-init": {"enable": True}}, "boot": ETC_OVERLAY["boot"]}
        | {"services": {"userborn": {"enable": True}}},
        {"hardware": {"i2c": {"group": "wheel"}}},
        {"system": {"etc": {"overlay": {"enable": True, "mutable": False}}}} | {"boot": ETC_OVERLAY["boot"]},
    ],
    ids=["plain", "networkd", "fixed-users", "etc-overlay", "nspawn", "nixos-init", "i2c-of-wheel", "etc-read-only"],
)
def test_many_kinds_of_nixos_evaluate(nix: Nix, nixpkgs: str, more: dict[str, Any]) -> None:
    """With the package that the module itself makes."""
    services = more.get("services", {}) | {"a1d": {"enable": True}}
    made = nix.evaluate("evaluate.nix", configuration=json.dumps({**more, "services": services}), nixpkgs=nixpkgs)
    assert re.fullmatch(r"/nix/store/.*-a1d-[0-9.]+|.*/store/.*-a1d-[0-9.]+", made["package"])
    assert made["complaints"] == []


def test_several_modules_an_overlay_and_another_machine_evaluate(nix: Nix, nixpkgs: str) -> None:
    profiles = json.dumps([f"{nixpkgs}/nixos/modules/profiles/{name}.nix" for name in ("minimal", "headless")])
    texts = {"configuration": json.dumps({"services": {"a1d": {"enable": True}}}), "nixpkgs": nixpkgs}
    made = nix.evaluate("evaluate.nix", "--arg", "withOverlay", "true", modules=profiles, **texts)
    assert made["package"] == "/nix/store/of-the-overlay", "pkgs.a1d, where there is one"
    crossed = nix.evaluate("evaluate.nix", modules=profiles, buildPlatform="x86_64-linux", **texts)
    (checker,) = re.findall(r"! (\S+)/bin/a1d --check", crossed["config_script"])
    assert crossed["package"] != checker, "the builder's own a1d reads the settings"


def test_the_template_evaluates(nix: Nix, nixpkgs: str) -> None:
    hardware = os.environ.get("A1D_NIXOS_HARDWARE")
    if not hardware:
        pytest.skip("needs nixos-hardware: A1D_NIXOS_HARDWARE=/path/to/it")
    made = nix.evaluate("derivations.nix", "-A", "template", nixpkgs=nixpkgs, nixos_hardware=hardware)
    assert made["kernel"].startswith("linux-rpi-")
    assert made["system"].endswith(".drv")
    assert "sd-card" in made["image"]


def test_the_virtual_machine_evaluates_to_a_derivation(nix: Nix, nixpkgs: str) -> None:
    any_vm = nix.try_evaluate("derivations.nix", "-A", "any_vm", nixpkgs=nixpkgs)
    if any_vm.returncode:
        pytest.skip(f"not even an empty machine evaluates: {any_vm.stderr.rpartition('error: ')[2].splitlines()[0]}")
    assert nix.evaluate("derivations.nix", "-A", "vm", nixpkgs=nixpkgs).endswith(".drv")
    simulated = nix.evaluate("derivations.nix", "-A", "simulated_vms", nixpkgs=nixpkgs)
    assert simulated.keys() == {"aarch64-linux", "x86_64-linux"}


def test_the_submission_to_nixpkgs_is_up_to_date() -> None:
    """If not: python -m tests.install.nixpkgs_submission."""
    written = {str(path.relative_to(TARGET)): path.read_text() for path in TARGET.rglob("*") if path.is_file()}
    assert written == make_submission()


@pytest.mark.parametrize("name", ["vm-test.nix", "simulate-test.nix"])
def test_the_script_for_the_virtual_machine_is_python(nix: Nix, name: str) -> None:
    """That is all that is known of it here."""
    script = nix.run("--eval", "--strict", "--json", "-A", "testScript", ROOT / "nixos-module" / name).stdout
    ast.parse(json.loads(script))

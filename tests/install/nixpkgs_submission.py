"""What a submission to nixpkgs would hold, made from nixos-module/: docs/nixpkgs.md.

``python -m tests.install.nixpkgs_submission`` writes it to docs/nixpkgs/; a test holds that it is up to date.
"""

from __future__ import annotations

import re
from pathlib import Path

import a1d

ROOT = Path(__file__).parents[2]
TARGET = ROOT / "docs/nixpkgs"
MODULE = "nixos/modules/services/hardware/a1d"


def make_submission() -> dict[str, str]:
    """The files by their paths in nixpkgs. ValueError if nixos-module/ no longer has what is to be replaced."""
    return {
        "pkgs/by-name/a1/a1d/package.nix": _package(_read("package.nix")),
        f"{MODULE}/default.nix": _module(_read("default.nix")),
        f"{MODULE}/settings.nix": _read("settings.nix"),
        "nixos/tests/a1d.nix": _test(_read("simulate-test.nix")),
    }


def _read(name: str) -> str:
    return (ROOT / "nixos-module" / name).read_text()


def _replace(text: str, *changes: tuple[str, str]) -> str:
    """Each pattern must be there once: it is a regular expression over lines, and a dot matches line ends."""
    for pattern, by in changes:
        text, count = re.subn(pattern, lambda _, by=by: by, text, flags=re.MULTILINE | re.DOTALL)  # type: ignore[misc]
        if count != 1:
            raise ValueError(f"expected once, found {count} times: {pattern}")
    return text


def _package(text: str) -> str:
    source = """\
  src = fetchFromGitHub {
    owner = "OWNER";
    repo = "a1d";
    tag = "v${finalAttrs.version}";
    hash = lib.fakeHash;
  };
"""
    docs = """\
    mkdir -p "$out/share/doc/a1d"
    cp -R README.md LICENSE CHANGELOG.md docs "$out/share/doc/a1d"
    cp -R docs/pages/share/. "$out/share"
    mv "$out/share/zsh/vendor-completions" "$out/share/zsh/site-functions"
"""
    return _replace(
        text,
        (r"^  callPackage,\n", "  fetchFromGitHub,\n"),
        (r"^  testers,\n", ""),
        (r"^  python3Packages,\n", "  nixosTests,\n  python3Packages,\n"),
        (r"^  # With the tests in its source.*?  withTests \? false,\n", ""),
        (r"^  version = builtins\.head.*?^  \);\n", f'  version = "{a1d.__version__}";\n'),
        (r"^  # Only what ends up in it.*?^  src = .*?^  };\n", source),
        (r"^  # The wheel's description.*?^  postPatch = .*?^  '';\n\n", ""),
        (r"(?<=50-a1d\.rules\"\n)", docs),
        (r"^  nativeCheckInputs = \[\n    versionCheckHook\n.*?^  \];\n", _CHECK_INPUTS),
        (r"^  passthru = .*?^  };\n", "  passthru.tests = { inherit (nixosTests) a1d; };\n"),
        (
            r"(?<=^    homepage = \"https://nossa\.ee/~talya/a1d\";\n)",
            '    changelog = "https://github.com/OWNER/a1d/blob/${finalAttrs.src.tag}/CHANGELOG.md";\n',
        ),
    )


_CHECK_INPUTS = """\
  nativeCheckInputs = [
    python3Packages.hypothesis
    python3Packages.pytest-mock
    python3Packages.pytestCheckHook
    versionCheckHook
  ];
"""


def _module(text: str) -> str:
    return _replace(
        text,
        (r"\A#.*?\n", ""),
        (r"^  # Where the overlay is applied.*?\n\n", ""),
        (r"a1dOf pkgs\.buildPackages", "pkgs.buildPackages.a1d"),
        (r"\{ a1d = a1dOf pkgs; \}", "pkgs"),
        (r" \+\+ lib\.optional \(cfg\.package \? docs\) cfg\.package\.docs", ""),
        (r"^\}\n\Z", "\n  meta.maintainers = [ ];\n}\n"),
    )


def _test(text: str) -> str:
    return _replace(
        text,
        (r"\A#.*?\n\{", "# On a1d's simulated case.\n{"),
        (r"^      imports = \[ \./default\.nix \];\n\n", ""),
        (r"pkgs\.callPackage \./package\.nix \{ \}", "pkgs.a1d"),
    )


if __name__ == "__main__":
    for path, text in make_submission().items():
        (TARGET / path).parent.mkdir(parents=True, exist_ok=True)
        (TARGET / path).write_text(text)

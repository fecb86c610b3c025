# The documents, apart from the package: editing one of them must not restart the daemon.
{
  lib,
  runCommand,
  version,
}:
let
  src = lib.fileset.toSource {
    root = ../.;
    fileset = lib.fileset.unions [
      ../README.md
      ../LICENSE
      ../CHANGELOG.md
      ../docs
    ];
  };
in
runCommand "a1d-docs-${version}" { } ''
  mkdir -p "$out/share/doc"
  cp -R ${src} "$out/share/doc/a1d"
''

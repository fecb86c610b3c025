# The documents, manual pages and completions, apart from the package: editing one of them must not restart the daemon.
{
  lib,
  runCommand,
  version,
}:
let
  documents = lib.fileset.toSource {
    root = ../.;
    fileset = lib.fileset.unions [
      ../README.md
      ../LICENSE
      ../CHANGELOG.md
      ../docs
    ];
  };
  share = lib.fileset.toSource {
    root = ../docs/pages/share;
    fileset = ../docs/pages/share;
  };
in
# NixOS looks for zsh's completions in another directory than Debian does.
runCommand "a1d-docs-${version}" { } ''
  mkdir -p "$out/share/doc/a1d"
  cp -R --no-preserve=mode ${documents}/. "$out/share/doc/a1d"
  cp -R --no-preserve=mode ${share}/. "$out/share"
  mv "$out/share/zsh/vendor-completions" "$out/share/zsh/site-functions"
''

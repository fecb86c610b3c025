# The script of nixos-module/docs.nix, with variables of the shell where its sources would be.
import ../../../nixos-module/docs.nix {
  version = "1";
  runCommand = _name: _environment: script: script;
  lib.fileset = {
    unions = paths: paths;
    toSource = source: if baseNameOf source.root == "share" then "$pages" else "$documents";
  };
}

# What flake.nix offers with a whole nixpkgs, as far as it comes to derivations.
{ nixpkgs }:
let
  theirs = (import (nixpkgs + "/flake.nix")).outputs {
    self = theirs // {
      outPath = nixpkgs;
    };
  };
  outputs = (import ../../../flake.nix).outputs {
    self = outputs // {
      outPath = toString ../../..;
    };
    nixpkgs = theirs;
  };
in
{
  packages = builtins.mapAttrs (_: packages: packages.default.drvPath) outputs.packages;
  configurations = builtins.mapAttrs (_: checks: checks.configuration.drvPath) outputs.checks;
  vm = outputs.checks.x86_64-linux.vm.drvPath;
  # If even this does not evaluate, it says nothing of ours that the one above does not.
  any_vm =
    (theirs.legacyPackages.x86_64-linux.testers.runNixOSTest {
      name = "any";
      nodes.machine = { };
      testScript = "";
    }).drvPath;
}

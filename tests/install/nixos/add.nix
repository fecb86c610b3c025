# Settings that add to the defaults, as docs/nixos.md says.
{ nixpkgs }:
let
  lib = import (nixpkgs + "/lib");
  standIns = import ./stand_ins.nix;
in
(lib.evalModules {
  modules = [
    ../../../nixos-module
    standIns.optionTrees
    {
      _module.args.pkgs = standIns.pkgsFor lib;
      services.a1d.settings = {
        sensors = lib.mkOptionDefault [
          {
            name = "nvme";
            hwmon = "nvme";
          }
        ];
      };
    }
  ];
}).config.services.a1d.settings

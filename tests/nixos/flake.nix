# What flake.nix offers, without a nixpkgs: the names only.
let
  flake = import ../../flake.nix;
  pkgs = system: {
    callPackage = path: _: toString path;
    mkShell = shell: shell;
    nixfmt-tree = "nixfmt-tree";
    stdenv.hostPlatform.system = system;
    testers.runNixOSTest = toString;
  };
  outputs = flake.outputs {
    self = outputs;
    nixpkgs = {
      legacyPackages = {
        aarch64-linux = pkgs "aarch64-linux";
        x86_64-linux = pkgs "x86_64-linux";
      };
      lib = {
        genAttrs =
          names: make:
          builtins.listToAttrs (
            map (name: {
              inherit name;
              value = make name;
            }) names
          );
        optionalAttrs = condition: set: if condition then set else { };
      };
    };
  };
  systems = part: builtins.mapAttrs (_: builtins.attrNames) part;
in
{
  inputs = builtins.attrNames flake.inputs;
  module = toString outputs.nixosModules.default;
  overlay = outputs.overlays.default (pkgs "aarch64-linux") { };
  inherit (outputs) packages checks formatter;
  devShells = systems outputs.devShells;
}

# What flake.nix offers, without a nixpkgs. Only the names below are there: one misspelt in it is an error.
let
  flake = import ../../../flake.nix;
  itself =
    names:
    builtins.listToAttrs (
      map (name: {
        inherit name;
        value = name;
      }) names
    );
  pkgs =
    system:
    itself [
      "mypy"
      "nixfmt"
      "nixfmt-tree"
      "ruff"
      "shellcheck"
    ]
    // {
      callPackage = path: _: {
        path = toString path;
        docs = "docs";
        tests = {
          nixos = "nixos";
          pytest = "pytest";
        };
      };
      mkShell = shell: shell;
      python3Packages = itself [
        "gpiod"
        "gpiozero"
        "hypothesis"
        "pytest"
        "pytest-mock"
        "pytest-xdist"
        "pyyaml"
        "sdnotify"
        "smbus2"
        "types-pyyaml"
        "varlink"
      ];
      runCommand = name: environment: script: { inherit name environment script; };
      stdenv.hostPlatform = {
        inherit system;
        isLinux = builtins.match ".*-linux" system != null;
      };
      testers.runNixOSTest = toString;
    };
  outputs =
    flake.outputs {
      self = outputs;
      nixpkgs = {
        legacyPackages = {
          aarch64-darwin = pkgs "aarch64-darwin";
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
          nixosSystem =
            { modules }:
            {
              config.environment.etc."a1d/config.yaml".source = map (
                module: if builtins.isPath module then toString module else module
              ) modules;
            };
          optionalAttrs = condition: set: if condition then set else { };
          optionals = condition: list: if condition then list else [ ];
        };
      };
    }
    // {
      outPath = "/source";
    };
in
{
  inherit (outputs)
    checks
    devShells
    formatter
    packages
    ;
  inputs = builtins.attrNames flake.inputs;
  modules = builtins.mapAttrs (_: toString) outputs.nixosModules;
  template = toString outputs.templates.default.path;
  overlay = outputs.overlays.default (pkgs "aarch64-linux") { };
}

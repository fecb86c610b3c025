{
  description = "Fan and power daemon for the ARGON ONE V3 case of a Raspberry Pi 5";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs }:
    let
      forSystems =
        systems: make: nixpkgs.lib.genAttrs systems (system: make nixpkgs.legacyPackages.${system});
      linux = [
        "aarch64-linux"
        "x86_64-linux"
      ];
      # a1d does not run there, but people write it there.
      all = linux ++ [ "aarch64-darwin" ];
    in
    {
      nixosModules = {
        default = self.nixosModules.a1d;
        a1d = ./nixos-module;
      };

      overlays.default = final: _previous: { a1d = final.callPackage ./nixos-module/package.nix { }; };

      templates.default = {
        path = ./nixos-module/template;
        description = "An SD image for a Raspberry Pi 5 in an ARGON ONE V3, with nixos-hardware";
      };

      packages = forSystems linux (pkgs: {
        default = pkgs.callPackage ./nixos-module/package.nix { };
      });

      checks = forSystems linux (
        pkgs:
        let
          system = pkgs.stdenv.hostPlatform.system;
          package = self.packages.${system}.default;
        in
        {
          inherit package;
          inherit (package) docs;
          inherit (package.tests) nixos pytest;
          # The module, and what a1d itself says of its defaults.
          configuration =
            (nixpkgs.lib.nixosSystem {
              modules = [
                self.nixosModules.default
                {
                  nixpkgs.hostPlatform = system;
                  services.a1d.enable = true;
                  system.stateVersion = "26.11";
                }
              ];
            }).config.environment.etc."a1d/config.yaml".source;
          formatting = pkgs.runCommand "a1d-formatting" { nativeBuildInputs = [ pkgs.nixfmt ]; } ''
            find ${self} -name '*.nix' -exec nixfmt --check {} +
            touch "$out"
          '';
        }
        # The virtual case's kernel module is for x86-64.
        // nixpkgs.lib.optionalAttrs (system == "x86_64-linux") {
          vm = pkgs.testers.runNixOSTest ./nixos-module/vm-test.nix;
        }
      );

      devShells = forSystems all (pkgs: {
        default = pkgs.mkShell {
          # What of pyproject.toml's [dev] nixpkgs has; dukpy, which test_unit.py wants, it has not.
          packages = [
            pkgs.mypy
            pkgs.nixfmt
            pkgs.ruff
            pkgs.shellcheck
            pkgs.python3Packages.hypothesis
            pkgs.python3Packages.pytest
            pkgs.python3Packages.pytest-mock
            pkgs.python3Packages.pytest-xdist
            pkgs.python3Packages.pyyaml
            pkgs.python3Packages.sdnotify
            pkgs.python3Packages.smbus2
            pkgs.python3Packages.types-pyyaml
            pkgs.python3Packages.varlink
          ]
          ++ nixpkgs.lib.optionals pkgs.stdenv.hostPlatform.isLinux [
            pkgs.python3Packages.gpiod
            pkgs.python3Packages.gpiozero
          ];
        };
      });

      formatter = forSystems all (pkgs: pkgs.nixfmt-tree);
    };
}

{
  description = "Fan and power daemon for the ARGON ONE V3 case of a Raspberry Pi 5";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs }:
    let
      forEachSystem =
        make:
        nixpkgs.lib.genAttrs [
          "aarch64-linux"
          "x86_64-linux"
        ] (system: make nixpkgs.legacyPackages.${system});
    in
    {
      nixosModules.default = ./nixos-module;

      overlays.default = final: _previous: { a1d = final.callPackage ./nixos-module/package.nix { }; };

      packages = forEachSystem (pkgs: {
        default = pkgs.callPackage ./nixos-module/package.nix { };
      });

      checks = forEachSystem (
        pkgs:
        let
          system = pkgs.stdenv.hostPlatform.system;
        in
        {
          package = self.packages.${system}.default;
          # The module, and what a1d itself says of its defaults.
          configuration =
            (nixpkgs.lib.nixosSystem {
              modules = [
                self.nixosModules.default
                {
                  nixpkgs.hostPlatform = system;
                  services.a1d.enable = true;
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

      devShells = forEachSystem (pkgs: {
        default = pkgs.mkShell {
          # What of pyproject.toml's [dev] nixpkgs has; dukpy, which test_service.py wants, it has not.
          inputsFrom = [ self.packages.${pkgs.stdenv.hostPlatform.system}.default ];
          packages = [
            pkgs.mypy
            pkgs.nixfmt
            pkgs.ruff
            pkgs.shellcheck
            pkgs.python3Packages.hypothesis
            pkgs.python3Packages.pytest
            pkgs.python3Packages.pytest-mock
            pkgs.python3Packages.pytest-xdist
            pkgs.python3Packages.types-pyyaml
            pkgs.python3Packages.varlink
          ];
        };
      });

      formatter = forEachSystem (pkgs: pkgs.nixfmt-tree);
    };
}

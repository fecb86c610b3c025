# What flake.nix offers with a whole nixpkgs, as the derivations that Nix would build.
{
  nixpkgs,
  # Only for the template.
  nixos_hardware ? null,
}:
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
  drvPaths = builtins.mapAttrs (_: made: made.drvPath);
  template = (import ../../../nixos-module/template/flake.nix).outputs {
    self = template;
    nixpkgs = theirs // {
      outPath = nixpkgs;
    };
    nixos-hardware.nixosModules.raspberry-pi-5 = import (nixos_hardware + "/raspberry-pi/5");
    a1d = outputs;
  };
in
{
  packages = builtins.mapAttrs (_: packages: packages.default.drvPath) outputs.packages;
  configurations = builtins.mapAttrs (_: checks: checks.configuration.drvPath) outputs.checks;
  docs = builtins.mapAttrs (_: checks: checks.docs.drvPath) outputs.checks;
  tests = builtins.mapAttrs (_: checks: checks.pytest.drvPath) outputs.checks;
  shells = builtins.mapAttrs (_: shells: shells.default.drvPath) outputs.devShells;
  formatters = drvPaths outputs.formatter;
  formatting = builtins.mapAttrs (_: checks: checks.formatting.drvPath) outputs.checks;
  vm = outputs.checks.x86_64-linux.vm.drvPath;
  simulated_vms = builtins.mapAttrs (_: checks: checks.nixos.drvPath) outputs.checks;
  # If even this does not evaluate, it says nothing of ours that the one above does not.
  any_vm =
    (theirs.legacyPackages.x86_64-linux.testers.runNixOSTest {
      name = "any";
      nodes.machine = { };
      testScript = "";
    }).drvPath;
  # Not the image itself: what has to be built for it.
  template = {
    system = template.nixosConfigurations.pi5.config.system.build.toplevel.drvPath;
    image = template.packages.aarch64-linux.sdImage.drvPath;
    kernel = template.nixosConfigurations.pi5.config.boot.kernelPackages.kernel.name;
  };
}

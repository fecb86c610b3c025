# What nixos-module makes of a configuration, for tests/test_nixos.py.
{
  # As JSON.
  configuration,
  # A nixpkgs, or its lib alone, or null: then not even the module system is real.
  nixpkgs ? null,
}:
let
  standIns = import ./stand_ins.nix;
  given = builtins.fromJSON configuration;
  module = ../../../nixos-module;

  withStandIns =
    let
      made = import module {
        inherit config;
        inherit (standIns) lib;
        pkgs = standIns.pkgsFor standIns.lib;
      };
      services = standIns.valuesOf made.options.services given.services;
      config = standIns.defaults // removeAttrs given [ "services" ] // { inherit services; };
    in
    made.config // { services = services // made.config.services; };

  lib = import (nixpkgs + "/lib");

  withLib =
    (lib.evalModules {
      modules = [
        module
        standIns.optionTrees
        given
        { _module.args.pkgs = standIns.pkgsFor lib; }
      ];
    }).config;

  withNixos =
    (import (nixpkgs + "/nixos/lib/eval-config.nix") {
      system = "aarch64-linux";
      modules = [
        module
        given
      ];
    }).config;

  isNixos = nixpkgs != null && builtins.pathExists (nixpkgs + "/nixos/lib/eval-config.nix");
  config =
    if nixpkgs == null then
      withStandIns
    else if isNixos then
      withNixos
    else
      withLib;

  service = config.systemd.services.a1d;
  file = config.environment.etc."a1d/config.yaml".source;
in
{
  inherit isNixos;
  inherit (config.services.a1d) settings;
  inherit (service)
    after
    description
    documentation
    enableStrictShellChecks
    serviceConfig
    stopIfChanged
    wantedBy
    wants
    ;
  environment = service.environment or { };
  # NixOS adds a file here that names the triggers.
  unitConfig = removeAttrs service.unitConfig [ "X-Reload-Triggers" ];
  package = "${config.services.a1d.package}";
  config_file = "${file}";
  config_script = file.script or file.buildCommand;
  reload_triggers = map toString service.reloadTriggers;
  restart_triggers = map toString service.restartTriggers or [ ];
  unit_text = if isNixos then config.systemd.units."a1d.service".text else null;
  shutdown_hook = "${config.systemd.shutdown.a1d-powercut}";
  udev_rules = map (package: package.text) (
    builtins.filter (package: package.name or "" == "60-a1d.rules") config.services.udev.packages
  );
  polkit_rules = config.security.polkit.extraConfig;
  is_polkit_on = config.security.polkit.enable;
  is_i2c_on = config.hardware.i2c.enable;
  groups = builtins.attrNames config.users.groups;
  user = {
    inherit (config.users.users.a1d)
      description
      extraGroups
      group
      isSystemUser
      ;
  };
  # In a whole NixOS there are more than can be looked at in a moment.
  system_packages = if isNixos then null else map toString config.environment.systemPackages;
  complaints = builtins.filter (message: builtins.match ".*services\\.a1d.*" message != null) (
    map (entry: entry.message) (builtins.filter (entry: !entry.assertion) config.assertions)
  );
}

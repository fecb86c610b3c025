# What nixos-module makes of a configuration, for tests/install/test_nixos.py.
{
  # As JSON.
  configuration,
  # A nixpkgs, or its lib alone, or null: then not even the module system is real.
  nixpkgs ? null,
  # Files of modules, as JSON. These three only for a whole NixOS.
  modules ? "[]",
  withOverlay ? false,
  # The machine that builds, if it is another one.
  buildPlatform ? null,
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
      config = standIns.defaultsWith given // {
        inherit services;
      };
    in
    # As given, what is written by nobody else; the module's own comes over it.
    config
    // made.config
    // {
      services = services // made.config.services;
      systemd = made.config.systemd // {
        services = builtins.mapAttrs (
          name: service: service // (given.systemd.services.${name} or { })
        ) made.config.systemd.services;
      };
    };

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
      system = if buildPlatform == null then "aarch64-linux" else null;
      modules = [
        module
        given
        { system.stateVersion = "26.11"; }
      ]
      ++ builtins.fromJSON modules
      ++ (
        if withOverlay then
          [
            {
              nixpkgs.overlays = [
                (_final: _previous: {
                  a1d = {
                    type = "derivation";
                    name = "a1d";
                    outPath = "/nix/store/of-the-overlay";
                  };
                })
              ];
            }
          ]
        else
          [ ]
      )
      ++ (
        if buildPlatform == null then
          [ ]
        else
          [
            {
              nixpkgs = {
                inherit buildPlatform;
                hostPlatform = "aarch64-linux";
              };
            }
          ]
      );
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
  hook = config.systemd.services.a1d-powercut-hook or null;
  file = config.environment.etc."a1d/config.yaml".source;
  mine =
    packages:
    builtins.filter (path: path == "${config.services.a1d.package}") (map (path: "${path}") packages);
in
{
  inherit isNixos;
  inherit (config.services.a1d) settings;
  inherit (service) stopIfChanged wantedBy;
  service_config = service.serviceConfig or { };
  # NixOS adds a file here that names the triggers.
  unit_config = removeAttrs service.unitConfig or { } [ "X-Reload-Triggers" ];
  package = "${config.services.a1d.package}";
  config_file = "${file}";
  socket_wanted_by = config.systemd.sockets.a1d-metrics.wantedBy or [ ];
  mqtt =
    let
      made = config.systemd.services.a1d-mqtt or { };
      source = config.environment.etc."a1d/mqtt.yaml".source or null;
    in
    if source == null then
      null
    else
      {
        inherit (made) wantedBy;
        restart_triggers = map toString made.restartTriggers;
        credentials = made.serviceConfig.LoadCredential;
        group = made.serviceConfig.Group or null;
        file = "${source}";
        script = source.script or source.buildCommand;
      };
  config_script = file.script or file.buildCommand;
  reload_triggers = map toString service.reloadTriggers;
  restart_triggers = map toString service.restartTriggers or [ ];
  drop_in = if isNixos then config.systemd.units."a1d.service".text else null;
  override_strategy = if isNixos then config.systemd.units."a1d.service".overrideStrategy else null;
  hook_below_the_overlay =
    if hook == null || hook == { } then
      null
    else
      {
        inherit (hook)
          enableStrictShellChecks
          script
          serviceConfig
          wantedBy
          ;
      };
  units_of = mine config.systemd.packages;
  udev_rules_of = mine config.services.udev.packages;
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
  warnings = builtins.filter (
    message: builtins.match ".*services\\.a1d.*" message != null
  ) config.warnings;
}

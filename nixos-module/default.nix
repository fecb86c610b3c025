# services.a1d. What each kind of change does to a running fan, and why: docs/nixos.md.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.a1d;
  yaml = pkgs.formats.yaml { };

  # Whoever builds for the Pi may not be able to run the Pi's programs.
  checker =
    if pkgs.stdenv.buildPlatform.canExecute pkgs.stdenv.hostPlatform then
      cfg.package
    else
      pkgs.buildPackages.callPackage ./package.nix { };

  configFile =
    pkgs.runCommand "a1d-config.yaml" { written = yaml.generate "config.yaml" cfg.settings; }
      ''
        cp "$written" config.yaml
        if ! ${checker}/bin/a1d --check config.yaml 2>reasons; then
          cat -n config.yaml >&2
          cat reasons >&2
          echo "a1d does not accept services.a1d.settings, for the reasons above" >&2
          exit 1
        fi
        cp config.yaml "$out"
      '';

  asksLogind = lib.any (action: action == "reboot" || action == "poweroff") [
    cfg.settings.button.double_press
    cfg.settings.button.hold
  ];
in
{
  options.services.a1d = {
    enable = lib.mkEnableOption "a1d, the fan and power daemon for the ARGON ONE V3 case of a Raspberry Pi 5";

    package = lib.mkOption {
      type = lib.types.package;
      default = pkgs.callPackage ./package.nix { };
      defaultText = lib.literalExpression "pkgs.callPackage ./package.nix { }";
      description = "The a1d to run. A change restarts the service in one step.";
    };

    settings = lib.mkOption {
      type = import ./settings.nix { inherit lib yaml; };
      default = { };
      example = lib.literalExpression ''
        {
          fan.curve = { "50" = 10; "60" = 40; "70" = 100; };
          button.double_press = "none";
        }
      '';
      description = ''
        The configuration file, `/etc/a1d/config.yaml`. Every setting that `a1d --print-config` shows can stand here.
        The build fails, and says why, if a1d does not accept it. A change reloads the service.
      '';
    };
  };

  config = lib.mkIf cfg.enable {
    systemd.services.a1d = import ./unit.nix cfg.package // {
      enableStrictShellChecks = true;
      # The default would stop the daemon, rebuild half the system and only then start the new one.
      stopIfChanged = false;
      # The unit itself does not name this file: whatever else a unit changes in is a restart, this is a reload.
      reloadTriggers = [ configFile ];
    };

    environment.etc."a1d/config.yaml".source = configFile;
    environment.systemPackages = [ cfg.package ];

    # Last of all at power-off and halt. A link, so it is always that of the system that is going down.
    systemd.shutdown.a1d-powercut = "${cfg.package}/bin/a1d-powercut";

    hardware.i2c.enable = true;
    services.udev.packages = [
      (pkgs.writeTextDir "lib/udev/rules.d/60-a1d.rules" (builtins.readFile ../systemd/a1d.udev))
    ];
    users.users.a1d = {
      isSystemUser = true;
      description = "a1d fan and power daemon";
      group = "a1d";
      extraGroups = [
        config.hardware.i2c.group
        "gpio"
      ];
    };
    users.groups = {
      a1d = { };
      gpio = { };
      i2c = { };
    };

    security.polkit = {
      enable = lib.mkDefault true;
      extraConfig = builtins.readFile ../systemd/a1d.rules;
    };

    assertions = [
      {
        assertion = !(config.services.hardware.argonone.enable or false);
        message = ''
          services.a1d and services.hardware.argonone drive the same fan and would fight over it.
          Set services.hardware.argonone.enable = false, and remove what else you have for this case.
        '';
      }
      {
        assertion = !(config.services.argonone.enable or false);
        message = ''
          services.a1d and services.argonone (argononed) drive the same fan and would fight over it.
          Set services.argonone.enable = false, or do not import the module that brings it.
        '';
      }
      {
        assertion = config.security.polkit.enable || !asksLogind;
        message = ''
          services.a1d: the button's reboot and poweroff ask logind, and without polkit only root may.
          Leave security.polkit.enable alone, or give services.a1d.settings.button.double_press and .hold
          something else to do.
        '';
      }
    ];
  };
}

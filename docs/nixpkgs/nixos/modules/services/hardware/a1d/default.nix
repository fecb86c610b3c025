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
      pkgs.buildPackages.a1d;

  # A file that the program has checked; option is what it was made from.
  checkedFile =
    program: option: name: settings:
    pkgs.runCommand "a1d-${name}" { written = yaml.generate name settings; } ''
      cp "$written" ${name}
      if ! ${checker}/bin/${program} --check ${name} 2>reasons; then
        cat -n ${name} >&2
        cat reasons >&2
        echo "${program} does not accept ${option}, for the reasons above" >&2
        exit 1
      fi
      cat reasons >&2 # what it accepts with a warning
      cp ${name} "$out"
    '';

  configFile = checkedFile "a1d" "services.a1d.settings" "config.yaml" cfg.settings;
  mqttFile = checkedFile "a1d-mqtt" "services.a1d.mqtt.settings" "mqtt.yaml" cfg.mqtt.settings;

  asksLogind = lib.any (action: action == "reboot" || action == "poweroff") [
    cfg.settings.button.double_press
    cfg.settings.button.hold
  ];
in
{
  options.services.a1d = {
    enable = lib.mkEnableOption "a1d, the fan and power daemon for the ARGON ONE V3 case of a Raspberry Pi 5";

    package = lib.mkPackageOption pkgs "a1d" {
      extraDescription = "A change restarts the service in one step.";
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

  options.services.a1d.metrics.enable = lib.mkEnableOption "a1d's metrics for Prometheus, on 127.0.0.1:9831";

  options.services.a1d.mqtt = {
    enable = lib.mkEnableOption "a1d-mqtt, which puts a1d on an MQTT broker, for Home Assistant";

    settings = lib.mkOption {
      inherit (yaml) type;
      default = { };
      example = {
        broker = "homeassistant.local";
        steering = true;
      };
      description = ''
        What `a1d-mqtt --print-config` shows, as `/etc/a1d/mqtt.yaml`. The build fails, and says why, if a1d-mqtt does
        not accept it. No secret belongs here: the Nix store can be read by everybody.
      '';
    };

    credentials = lib.mkOption {
      type = lib.types.attrsOf lib.types.str;
      default = { };
      example = {
        "mqtt.user" = "/run/secrets/mqtt-user";
        "mqtt.password" = "/run/secrets/mqtt-password";
      };
      description = ''
        Files that only root needs to read: `mqtt.user`, `mqtt.password`, and `mqtt.key` of a certificate of our own.
      '';
    };
  };

  config = lib.mkIf cfg.enable {
    # The unit, and the hook that systemd-shutdown runs last of all.
    systemd.packages = [ cfg.package ];
    systemd.services.a1d = {
      wantedBy = [ "multi-user.target" ];
      # The default would stop the daemon, rebuild half the system and only then start the new one.
      stopIfChanged = false;
      # The unit itself does not name this file: whatever else a unit changes in is a restart, this is a reload.
      reloadTriggers = [ configFile ];
      # For the bus, when it belongs to another group. The user stays out of that one: it may be wheel.
      serviceConfig = lib.mkIf (config.hardware.i2c.group != "i2c") {
        SupplementaryGroups = [ config.hardware.i2c.group ];
      };
    };

    systemd.sockets.a1d-metrics = lib.mkIf cfg.metrics.enable { wantedBy = [ "sockets.target" ]; };

    systemd.services.a1d-mqtt = lib.mkIf cfg.mqtt.enable {
      wantedBy = [ "multi-user.target" ];
      restartTriggers = [ mqttFile ];
      serviceConfig = {
        # Each takes the place of the unit's own file of that name.
        LoadCredential = map (name: "${name}:${cfg.mqtt.credentials.${name}}") (
          builtins.attrNames cfg.mqtt.credentials
        );
      }
      # The unit's own is the group that may steer, which only reading does not need.
      // lib.optionalAttrs (!(cfg.mqtt.settings.steering or false)) { Group = ""; };
    };

    # systemd-shutdown unmounts the overlay on /etc before it looks for hooks there, so they have to be beneath it too.
    # Nothing takes the link away again: it leads to the hooks of the system that is going down, with or without a1d.
    systemd.services.a1d-powercut-hook = lib.mkIf config.system.etc.overlay.enable {
      description = "Shutdown hooks in the /etc beneath the overlay, for a1d's power cut";
      wantedBy = [ "multi-user.target" ];
      path = [ pkgs.util-linux ];
      enableStrictShellChecks = true;
      serviceConfig = {
        Type = "oneshot";
        RemainAfterExit = true;
        PrivateMounts = true;
        RuntimeDirectory = "a1d-root";
      };
      script = ''
        root=$RUNTIME_DIRECTORY
        mount --bind / "$root" # of all mounts only this one: what lies on /etc stays behind
        mkdir -p "$root/etc/systemd"
        # -T: a directory there is somebody's, and a link within it would be no hook.
        ln -sfnT /run/current-system/etc/systemd/system-shutdown "$root/etc/systemd/system-shutdown"
        umount "$root"
      '';
    };

    environment.etc."a1d/config.yaml".source = configFile;
    environment.etc."a1d/mqtt.yaml" = lib.mkIf cfg.mqtt.enable { source = mqttFile; };
    # The programs for everybody, polkit's rules, and the documents that the unit names.
    environment.systemPackages = [ cfg.package ];

    hardware.i2c.enable = true;
    services.udev.packages = [ cfg.package ];
    users.users.a1d = {
      isSystemUser = true;
      description = "a1d fan and power daemon";
      group = "a1d";
      extraGroups = [
        "i2c"
        "gpio"
      ];
    };
    users.groups = {
      a1d = { };
      gpio = { };
      i2c = { };
    };

    security.polkit.enable = lib.mkDefault true;

    warnings =
      lib.optional (!lib.any (sensor: sensor ? zone) cfg.settings.sensors) ''
        services.a1d.settings.sensors has no sensor with a zone, so nobody watches the CPU. A list that you give takes
        the place of the default: name the CPU too, or add to the default with lib.mkOptionDefault.
      ''
      ++ lib.optional (builtins.length (builtins.attrNames (cfg.settings.fan.curve or { })) == 1) ''
        services.a1d.settings.fan.curve has a single point. A curve that you give takes the place of the preset's: give
        all of its points.
      ''
      ++ lib.optional (cfg.settings.button.backend or "gpiod" == "gpiozero") ''
        services.a1d.settings.button.backend = "gpiozero": gpiozero 2.0.1, which nixpkgs may still have, takes the wrong
        GPIO chip on newer kernels, and the button then does nothing. It has to be 2.0.1.post3 or newer.
      '';

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

  meta.maintainers = [ ];
}

# The settings that people change most, with types for the manual. Whether a value makes sense is for a1d --check to
# say, which knows every setting and says it better.
{ lib, yaml }:
let
  inherit (lib) literalExpression mkOption types;

  gesture =
    default: description:
    mkOption {
      type = types.either (types.enum [
        "reboot"
        "poweroff"
        "none"
      ]) (types.nonEmptyListOf types.str);
      inherit default description;
      example = literalExpression ''[ "''${pkgs.util-linux}/bin/logger" "pressed" ]'';
    };
in
types.submodule {
  freeformType = yaml.type;
  options = {
    fan = {
      preset = mkOption {
        type = types.enum [
          "quiet"
          "balanced"
          "cool"
        ];
        default = "balanced";
        example = "quiet";
        description = ''
          Curve, hold and rise in one word: `quiet`, `balanced` or `cool`. `fan.curve`, `fan.hold` and `fan.rise` win
          over it where they are set.
        '';
      };
      duty_min_percent = mkOption {
        type = types.number;
        default = 10;
        description = "The lowest duty that turns your fan; a lower one that is not 0 is raised to this.";
      };
      on_stop = mkOption {
        type = types.either (types.enum [
          "keep"
          "failsafe"
        ]) types.number;
        default = "keep";
        example = "failsafe";
        description = ''
          What a clean stop leaves behind: `keep` (the last duty), `failsafe`, or a duty in percent. A restart is a
          stop and a start: with `keep` the fan does not notice it.
        '';
      };
    };
    sensors = mkOption {
      type = types.listOf yaml.type;
      default = [
        {
          name = "cpu";
          zone = "cpu-thermal";
        }
      ];
      example = [
        {
          name = "cpu";
          zone = "cpu-thermal";
        }
        {
          name = "nvme";
          hwmon = "nvme";
          curve = {
            "55" = 20;
            "70" = 100;
          };
        }
      ];
      description = ''
        The temperatures to watch; the fan gets the highest demand. A list that you give takes the place of the default,
        so name the CPU too; `lib.mkOptionDefault` adds to the default instead.
      '';
    };
    case = {
      protocol = mkOption {
        type = types.enum [
          "register"
          "legacy"
        ];
        default = "register";
        example = "legacy";
        description = "`register` for a V3, `legacy` for V1, V2, M.2 and Fan HAT. It cannot be found out safely.";
      };
      bus = mkOption {
        type = types.int;
        default = 1;
        description = "The I2C bus of the case: 1 is `/dev/i2c-1`.";
      };
    };
    button = {
      double_press = gesture "reboot" ''
        What a double press does: `reboot`, `poweroff`, `none`, or a command as a list. A command runs as user `a1d`
        in the service's sandbox, and of NixOS's programs it finds only the few that every service has: give paths.
      '';
      hold = gesture "poweroff" ''
        What holding the button for three seconds does; as above. The case cuts the power 5.6 to 17 s later, whatever
        this says.
      '';
    };
  };
}

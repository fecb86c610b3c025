# As much of nixpkgs as nixos-module asks for, so that what it makes can be looked at where there is no nixpkgs.
# Nothing is built: a thing to be built is a set with an outPath that depends on what it is built from.
rec {
  built =
    name: from:
    from // { outPath = "/stand-in/${builtins.hashString "sha256" (builtins.toJSON from)}-${name}"; };

  pkgsFor = lib: {
    util-linux = built "util-linux" { };
    callPackage = path: _: built "package" { inherit path; };
    formats.yaml = _: {
      type = lib.types.anything;
      # JSON is YAML; nixpkgs makes its YAML from it.
      generate = name: value: built name { json = builtins.toJSON value; };
    };
    runCommand =
      name: environment: script:
      built name { inherit environment script; };
    stdenv.buildPlatform.canExecute = _: true;
    stdenv.hostPlatform = { };
  };

  lib = {
    any = builtins.any;
    mkPackageOption =
      pkgs: name: _:
      lib.mkOption { default = pkgs.${name}; };
    optional = condition: value: if condition then [ value ] else [ ];
    optionalAttrs = condition: value: if condition then value else { };
    literalExpression = text: text;
    mkDefault = value: value;
    mkEnableOption = _: lib.mkOption { default = false; };
    mkIf = condition: content: if condition then content else { };
    mkOption = option: option // { isOption = true; };
    types = {
      anything = { };
      attrsOf = _: { };
      either = _: _: { };
      enum = _: { };
      int = { };
      listOf = _: { };
      nonEmptyListOf = _: { };
      number = { };
      package = { };
      str = { };
      submodule = module: module;
    };
  };

  # What of the rest of NixOS the module reads, as it is when given these values.
  defaultsWith = given: {
    hardware.i2c.group = given.hardware.i2c.group or "i2c";
    security.polkit.enable = given.security.polkit.enable or true;
    system.etc.overlay.enable = given.system.etc.overlay.enable or false;
  };

  # Options as they are when given these values; those of a submodule too.
  valuesOf =
    options: given:
    builtins.mapAttrs (
      name: option:
      if !(option.isOption or false) then
        valuesOf option (given.${name} or { })
      else if option ? type.options then
        valuesOf option.type.options (given.${name} or option.default)
      else
        given.${name} or option.default
    ) options
    // removeAttrs given (builtins.attrNames options);

  # The same parts of NixOS for a real lib.evalModules.
  optionTrees =
    { lib, ... }:
    let
      any =
        default:
        lib.mkOption {
          type = lib.types.anything;
          inherit default;
        };
      each = lib.mkOption {
        type = lib.types.attrsOf lib.types.anything;
        default = { };
      };
      list = lib.mkOption { type = lib.types.listOf lib.types.anything; };
    in
    {
      options = {
        assertions = list;
        environment.etc = each;
        environment.systemPackages = list;
        hardware.i2c.enable = any false;
        hardware.i2c.group = any "i2c";
        security.polkit.enable = any false;
        services.argonone.enable = any false;
        services.hardware.argonone.enable = any false;
        services.udev.packages = list;
        system.etc.overlay.enable = any false;
        systemd.packages = list;
        systemd.sockets = each;
        systemd.services = each;
        users.groups = each;
        users.users = each;
        warnings = list;
      };
    };
}

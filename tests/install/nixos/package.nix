# What nixos-module/package.nix asks for, given a nixpkgs with this version of gpiozero.
{ gpiozero }:
let
  python = name: {
    pname = name;
    version = "nixpkgs";
  };
  made = import ../../../nixos-module/package.nix {
    fetchPypi = source: source;
    lib = {
      fileset = {
        fileFilter = _: path: path;
        toSource = source: source;
        unions = paths: paths;
      };
      licenses = {
        bsd3 = "BSD";
        mit = "MIT";
      };
      optional = condition: value: if condition then [ value ] else [ ];
      platforms.linux = "linux";
      versionAtLeast = have: want: builtins.compareVersions have want >= 0;
    };
    python3Packages = {
      buildPythonApplication = made: made;
      buildPythonPackage = made: made;
      gpiozero = python "gpiozero" // {
        version = gpiozero;
      };
    }
    // builtins.listToAttrs (
      map
        (name: {
          inherit name;
          value = python name;
        })
        [
          "colorzero"
          "gpiod"
          "pyyaml"
          "sdnotify"
          "setuptools"
          "smbus2"
        ]
    );
  };
in
{
  inherit (made) pname version;
  dependencies = builtins.listToAttrs (
    map (package: {
      name = package.pname;
      value = package.version;
    }) made.dependencies
  );
  paths = map toString made.src.fileset;
}

# What nixos-module/package.nix makes, without a nixpkgs: `src` holds the paths that its source has.
{
  withTests,
}:
let
  python = name: {
    pname = name;
    version = "nixpkgs";
  };
  make =
    function:
    let
      finalAttrs = function finalAttrs;
    in
    finalAttrs;
  made = import ../../../nixos-module/package.nix {
    inherit withTests;
    callPackage = path: toString path;
    lib = {
      fileset = {
        fileFilter = _: path: path;
        toSource = source: source;
        unions = paths: paths;
      };
      licenses.mit = "MIT";
      optional = condition: value: if condition then [ value ] else [ ];
      optionals = condition: values: if condition then values else [ ];
      platforms.linux = "linux";
    };
    testers.runNixOSTest = toString;
    versionCheckHook = python "versionCheckHook";
    python3Packages = {
      buildPythonApplication = make;
    }
    // builtins.listToAttrs (
      map
        (name: {
          inherit name;
          value = python name;
        })
        [
          "gpiod"
          "gpiozero"
          "hypothesis"
          "paho-mqtt"
          "pytest-mock"
          "pytestCheckHook"
          "pyyaml"
          "sdnotify"
          "setuptools"
          "smbus2"
        ]
    );
  };
in
{
  inherit (made)
    enabledTestPaths
    pname
    postInstall
    postPatch
    pythonImportsCheck
    version
    ;
  dependencies = map (package: package.pname) made.dependencies;
  check_inputs = map (package: package.pname) made.nativeCheckInputs;
  paths = map toString made.src.fileset;
  meta = removeAttrs made.meta [ "license" ];
}

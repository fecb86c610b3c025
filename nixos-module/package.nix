{
  lib,
  python3Packages,
  fetchPypi,
  # Only button.backend = "gpiozero" wants it.
  withLgpio ? false,
}:
let
  wanted = "2.0.1.post3";

  # nixpkgs has 2.0.1, which takes the wrong GPIO chip on newer kernels. Goes away once nixpkgs has more.
  gpiozero =
    if lib.versionAtLeast python3Packages.gpiozero.version wanted then
      python3Packages.gpiozero
    else
      python3Packages.buildPythonPackage {
        pname = "gpiozero";
        version = wanted;
        pyproject = true;
        src = fetchPypi {
          pname = "gpiozero";
          version = wanted;
          hash = "sha256-dF/qtt9GOsLp3hDGfi3Z85bmaLpOKB6SOB1sRgEAqPc=";
        };
        build-system = [ python3Packages.setuptools ];
        dependencies = [ python3Packages.colorzero ];
        doCheck = false; # its source release has the tests, but not their conftest.py
        pythonImportsCheck = [ "gpiozero" ];
        meta.license = lib.licenses.bsd3;
      };
in
python3Packages.buildPythonApplication {
  pname = "a1d";
  version = builtins.head (
    builtins.match ".*\n__version__ = \"([^\"]+)\".*" (builtins.readFile ../a1d/__init__.py)
  );
  pyproject = true;

  # Only what ends up in it, so that nothing else makes another package of it, and with that a restart.
  src = lib.fileset.toSource {
    root = ../.;
    fileset = lib.fileset.unions [
      (lib.fileset.fileFilter (file: !file.hasExt "pyc") ../a1d)
      ../pyproject.toml
      ../README.md
      ../LICENSE
      ../CHANGELOG.md
      ../docs
    ];
  };

  build-system = [ python3Packages.setuptools ];
  dependencies = [
    python3Packages.smbus2
    gpiozero
    python3Packages.gpiod
    python3Packages.pyyaml
    python3Packages.sdnotify
  ]
  ++ lib.optional withLgpio python3Packages.lgpio;

  postInstall = ''
    mkdir -p "$out/share/doc/a1d"
    cp -R README.md LICENSE CHANGELOG.md docs "$out/share/doc/a1d"
  '';

  doCheck = false; # the tests want systemd, and minutes; CI runs them
  pythonImportsCheck = [
    "a1d.cli"
    "a1d.client.main"
    "a1d.button.gpiod"
    "a1d.button.gpiozero"
    "a1d.case.failsafe"
    "a1d.case.powercut"
    "a1d.config.yaml_tree"
    "smbus2" # a1d imports it only once it opens a bus
  ];

  meta = {
    description = "Fan and power daemon for the ARGON ONE V3 case of a Raspberry Pi 5";
    license = lib.licenses.mit;
    platforms = lib.platforms.linux;
    mainProgram = "a1d";
  };
}

{
  lib,
  fetchFromGitHub,
  nixosTests,
  python3Packages,
  versionCheckHook,
  # Only button.backend = "gpiozero" wants it.
  withGpiozero ? false,
}:
python3Packages.buildPythonApplication (finalAttrs: {
  pname = "a1d";
  version = "0.1.0";
  pyproject = true;

  src = fetchFromGitHub {
    owner = "OWNER";
    repo = "a1d";
    tag = "v${finalAttrs.version}";
    hash = lib.fakeHash;
  };

  build-system = [ python3Packages.setuptools ];
  dependencies = [
    python3Packages.smbus2
    python3Packages.gpiod
    python3Packages.pyyaml
    python3Packages.sdnotify
    python3Packages.paho-mqtt # a1d-mqtt's alone
  ]
  ++ lib.optionals withGpiozero [
    python3Packages.gpiozero
    python3Packages.lgpio
  ];

  # /run/current-system, because the unit must not change when the documentation does.
  postInstall = ''
    mkdir -p "$out/lib/systemd/system" "$out/lib/systemd/system-shutdown" \
      "$out/lib/sysusers.d" "$out/lib/udev/rules.d" "$out/share/polkit-1/rules.d"
    for unit in a1d.service a1d-metrics.socket a1d-metrics@.service a1d-mqtt.service; do
      sed -e "s|/opt/a1d/share/|/run/current-system/sw/share/|" -e "s|/opt/a1d|$out|" \
        "systemd/$unit" >"$out/lib/systemd/system/$unit"
    done
    ln -s "$out/bin/a1d-powercut" "$out/lib/systemd/system-shutdown/a1d-powercut"
    cp systemd/a1d.sysusers "$out/lib/sysusers.d/a1d.conf"
    cp systemd/a1d.udev "$out/lib/udev/rules.d/60-a1d.rules"
    cp systemd/a1d.rules "$out/share/polkit-1/rules.d/50-a1d.rules"
    mkdir -p "$out/share/doc/a1d"
    cp -R README.md LICENSE CHANGELOG.md docs "$out/share/doc/a1d"
    cp -R docs/pages/share/. "$out/share"
    mv "$out/share/zsh/vendor-completions" "$out/share/zsh/site-functions"
  '';

  nativeCheckInputs = [
    python3Packages.hypothesis
    python3Packages.pytest-mock
    python3Packages.pytestCheckHook
    versionCheckHook
  ];
  # What needs no systemd, no root, no network and no real time.
  enabledTestPaths = [
    "tests/button"
    "tests/case/test_bus.py"
    "tests/case/test_fan.py"
    "tests/config"
    "tests/sim"
    "tests/temperature"
    "tests/test_duration.py"
  ];
  pythonImportsCheck = [
    "a1d.cli"
    "a1d.client.main"
    "a1d.button.gpiod"
    "a1d.button.gpiozero"
    "a1d.case.failsafe"
    "a1d.case.powercut"
    "a1d.config.yaml_tree"
    "a1d.mqtt.main"
    "paho.mqtt.client" # a1d-mqtt imports it only once it connects
    "smbus2" # a1d imports it only once it opens a bus
  ];

  passthru.tests = { inherit (nixosTests) a1d; };

  meta = {
    description = "Fan and power daemon for the ARGON ONE V3 case of a Raspberry Pi 5";
    homepage = "https://nossa.ee/~talya/a1d";
    changelog = "https://github.com/OWNER/a1d/blob/${finalAttrs.src.tag}/CHANGELOG.md";
    license = lib.licenses.mit;
    maintainers = [ ];
    platforms = lib.platforms.linux;
    mainProgram = "a1d";
  };
})

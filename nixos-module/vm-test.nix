# The module in a virtual machine with a virtual case: a ramp, both kinds of switch, a hold. x86-64 only, as the case's
# kernel module is. For pkgs.testers.runNixOSTest; written without ever having been run: docs/nixos.md.
{
  name = "a1d";

  nodes.machine =
    {
      config,
      lib,
      pkgs,
      ...
    }:
    let
      kernelPackages = config.boot.kernelPackages;

      virtualCase = pkgs.stdenv.mkDerivation {
        name = "a1d-case-${kernelPackages.kernel.version}";
        src = ../hil/virtual/module;
        nativeBuildInputs = kernelPackages.kernel.moduleBuildDependencies;
        hardeningDisable = [ "pic" ];
        buildPhase = ''
          make -C ${kernelPackages.kernel.dev}/lib/modules/${kernelPackages.kernel.modDirVersion}/build \
            M="$PWD" ${lib.escapeShellArgs kernelPackages.kernel.commonMakeFlags} modules
        '';
        installPhase = ''
          install -D -m 644 a1d_case.ko \
            "$out/lib/modules/${kernelPackages.kernel.modDirVersion}/updates/a1d_case.ko"
        '';
      };
    in
    {
      imports = [ ./default.nix ];

      services.a1d = {
        enable = true;
        settings.fan.hold = "2s";
      };

      boot.extraModulePackages = [ virtualCase ];
      boot.kernelModules = [ "a1d_case" ];
      # An emulated machine may need longer to shut down than the case gives after a hold.
      boot.extraModprobeConfig = "options a1d_case hold_cut_delay_ms=120000";
      # How the case cuts the power: QEMU ends.
      virtualisation.qemu.options = [ "-device isa-debug-exit" ];

      system.switch.enable = true;
      specialisation = {
        settings.configuration.services.a1d.settings.fan.duty_min_percent = 20;
        package.configuration.services.a1d.package = lib.mkForce (
          (pkgs.callPackage ./package.nix { }).overridePythonAttrs { pname = "a1d-other"; }
        );
        broken.configuration.services.a1d.package = lib.mkForce (
          (pkgs.callPackage ./package.nix { }).overridePythonAttrs {
            postPatch = "sed -i 's/^def serve(.*/&\\n    raise SystemExit(1)/' a1d/serve.py";
          }
        );
      };
    };

  testScript = ''
    import json

    CASE = "/sys/kernel/debug/a1d_case"

    def tell(file: str, value: object) -> None:
        machine.succeed(f"echo {value} > {CASE}/{file}")

    def duty() -> int:
        return int(machine.succeed(f"cat {CASE}/duty"))

    def pid() -> str:
        return machine.succeed("systemctl show --value -p MainPID a1d").strip()

    def switch(name: str) -> str:
        return f"/run/booted-system/specialisation/{name}/bin/switch-to-configuration test"

    machine.wait_for_unit("a1d.service")

    with subtest("the fan follows a ramp"):
        for celsius, percent in ((45, 0), (60, 40), (70, 100)):
            tell("temp_millicelsius", celsius * 1000)
            machine.wait_until_succeeds(f"test $(cat {CASE}/duty) = {percent}", timeout=60)
        assert json.loads(machine.succeed("a1d-ctl status --json"))["health"]["state"] == "ok"

    first = pid()

    with subtest("changed settings are a reload: the same process"):
        machine.succeed(switch("settings"))
        assert pid() == first
        machine.succeed("grep -q 'duty_min_percent: 20' /etc/a1d/config.yaml")
        tell("temp_millicelsius", 50000)
        machine.wait_until_succeeds(f"test $(cat {CASE}/duty) = 20", timeout=60)
        machine.succeed("/run/booted-system/bin/switch-to-configuration test")
        assert pid() == first

    with subtest("another package is a restart in one step, and the fan keeps its duty"):
        tell("temp_millicelsius", 65000)
        machine.wait_until_succeeds(f"test $(cat {CASE}/duty) = 70", timeout=60)
        said = machine.succeed(switch("package") + " 2>&1")
        assert "restarting the following units: a1d.service" in said, said
        assert "stopping the following units: a1d.service" not in said, said
        assert pid() != first
        assert duty() == 70

    with subtest("a version that does not start leaves the fan at failsafe"):
        machine.fail(switch("broken"))
        machine.wait_until_succeeds(f"test $(cat {CASE}/duty) = 100", timeout=60)
        machine.succeed("/run/booted-system/bin/switch-to-configuration test")
        machine.wait_for_unit("a1d.service")

    with subtest("a hold powers off, and the case is asked to cut the power"):
        tell("press", "hold")
        machine.wait_for_shutdown()
        assert "a1d-powercut: asked the case to cut the power" in machine.get_console_log()
  '';
}

# On a1d's simulated case.
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
      package = pkgs.a1d;
    in
    {
      services.a1d = {
        enable = true;
        inherit package;
        settings.fan.hold = "1s";
      };
      # The simulated case lives in the daemon itself. With --config it reads the settings that the module writes.
      systemd.services.a1d.serviceConfig.ExecStart = [
        ""
        "${config.services.a1d.package}/bin/a1d --simulate --config /etc/a1d/config.yaml --run-dir /run/a1d"
      ];

      environment.systemPackages = [ pkgs.jq ];
      users.users = {
        member = {
          isNormalUser = true;
          extraGroups = [ "a1d" ];
        };
        stranger.isNormalUser = true;
      };

      system.switch.enable = true;
      specialisation = {
        settings.configuration.services.a1d.settings.fan.duty_min_percent = 20;
        package.configuration.services.a1d.package = lib.mkForce (
          package.overridePythonAttrs { pname = "a1d-other"; }
        );
        broken.configuration.services.a1d.package = lib.mkForce (
          package.overridePythonAttrs (previous: {
            postPatch = (previous.postPatch or "") + ''
              sed -i 's/^def serve(.*/&\n    raise SystemExit("this version is broken")/' a1d/serve.py
            '';
          })
        );
      };
    };

  testScript = ''
    import json

    BASE = "/run/booted-system/bin/switch-to-configuration test"

    def status() -> dict:
        return json.loads(machine.succeed("a1d-ctl status --json"))

    def wait_for(condition: str) -> None:
        machine.wait_until_succeeds(f"a1d-ctl status --json | jq -e '{condition}'", timeout=300)

    def unit(key: str) -> str:
        return machine.succeed(f"systemctl show --value -p {key} a1d").strip()

    def starts() -> int:
        """How often systemd has started it since the boot."""
        log = machine.succeed("journalctl -b -u a1d -o cat _PID=1 --grep='^Started '")
        return len(log.splitlines())

    def switch(name: str) -> str:
        return f"/run/booted-system/specialisation/{name}/bin/switch-to-configuration test"

    machine.wait_for_unit("a1d.service")

    with subtest("the fan follows a ramp, up and down"):
        machine.succeed("a1d-ctl sim load 0")
        wait_for(".duty_percent == 0")
        machine.succeed("a1d-ctl sim load 9")
        wait_for(".duty_percent >= 40")
        machine.succeed("a1d-ctl sim load 20")
        wait_for(".duty_percent == 100")
        machine.succeed("a1d-ctl sim load 0")
        wait_for(".duty_percent == 0")
        assert status()["health"]["state"] == "ok", status()

    with subtest("a member of the group may steer, and nobody else"):
        machine.succeed("su member -c 'a1d-ctl fan set 60 --for 5m'")
        wait_for(".duty_percent == 60")
        machine.succeed("su stranger -c 'a1d-ctl status'")
        machine.fail("su stranger -c 'a1d-ctl fan set 10 --for 1m'")
        machine.succeed("su member -c 'a1d-ctl fan auto'")

    with subtest("changed settings are a reload: the same process"):
        first = unit("MainPID")
        machine.succeed(switch("settings"))
        assert unit("MainPID") == first
        machine.succeed("grep -q 'duty_min_percent: 20' /etc/a1d/config.yaml")
        machine.succeed(BASE)
        assert unit("MainPID") == first
        assert starts() == 1, starts()

    with subtest("another package is one restart, in one step"):
        said = machine.succeed(switch("package") + " 2>&1")
        assert "restarting the following units: a1d.service" in said, said
        assert "stopping the following units: a1d.service" not in said, said
        assert unit("MainPID") != first
        assert starts() == 2, starts()

    with subtest("a fault is said"):
        machine.succeed("a1d-ctl sim fault no-answer on")
        wait_for('.health.state != "ok"')
        assert status()["health"]["problems"], status()
        machine.succeed("a1d-ctl sim fault no-answer off")

    with subtest("a broken version is said, and the way back works"):
        machine.fail(switch("broken") + " >/tmp/said 2>&1")
        machine.succeed("grep -q a1d.service /tmp/said")
        machine.fail("systemctl is-active a1d.service")
        machine.succeed("journalctl -b -u a1d | grep -q 'this version is broken'")
        machine.succeed("journalctl -b -u a1d | grep -q a1d-failsafe")
        machine.succeed(BASE)
        machine.wait_for_unit("a1d.service")
        assert status()["health"]["state"] == "ok", status()
  '';
}

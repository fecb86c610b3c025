{ lib, ... }:
{
  nixpkgs.hostPlatform = "aarch64-linux";
  system.stateVersion = "26.11";

  # The vendor's kernel (nixos-hardware's) with the firmware's own device tree, in which config.txt turns I2C on.
  hardware.raspberry-pi = {
    configtxt.settings.all.dtparam = [
      "audio=on"
      "i2c_arm=on"
    ];
    firmware = {
      enable = true;
      uboot.enable = true;
    };
  };
  # The image's profile asks for ZFS, whose module lags behind the vendor's kernel.
  boot.supportedFilesystems.zfs = lib.mkForce false;

  services.a1d = {
    enable = true;
    # settings.sensors = lib.mkOptionDefault [ { name = "nvme"; hwmon = "nvme"; } ]; # besides the CPU
  };

  users.users.me = {
    isNormalUser = true;
    extraGroups = [
      "wheel"
      "a1d" # may steer the fan without sudo
    ];
    openssh.authorizedKeys.keys = [ ]; # yours, or nobody gets in
  };
  services.openssh.enable = true;
}

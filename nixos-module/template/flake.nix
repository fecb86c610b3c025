# An SD image for a Raspberry Pi 5 in an ARGON ONE V3. To build it (on aarch64, or emulated):
#   nix build .#sdImage && zstdcat result/sd-image/*.img.zst | sudo dd of=/dev/sdX bs=4M status=progress
# What is read and untried here: docs/nixos.md of a1d, "On a Raspberry Pi 5".
{
  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
    nixos-hardware.url = "github:NixOS/nixos-hardware";
    a1d.url = "git+file:///home/me/a1d"; # wherever you have it
    a1d.inputs.nixpkgs.follows = "nixpkgs";
  };

  outputs =
    {
      self,
      nixpkgs,
      nixos-hardware,
      a1d,
    }:
    {
      nixosConfigurations.pi5 = nixpkgs.lib.nixosSystem {
        modules = [
          "${nixpkgs}/nixos/modules/installer/sd-card/sd-image-aarch64.nix"
          nixos-hardware.nixosModules.raspberry-pi-5
          a1d.nixosModules.a1d
          ./configuration.nix
        ];
      };
      packages.aarch64-linux.sdImage = self.nixosConfigurations.pi5.config.system.build.sdImage;
    };
}

{
  description = "Dragoman dubs live broadcasts: RTMP in, the same pictures with translated speech out";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";
    crane.url = "github:ipetkov/crane";
  };

  outputs =
    {
      self,
      nixpkgs,
      crane,
    }:
    let
      inherit (nixpkgs) lib;
      linux = [
        "x86_64-linux"
        "aarch64-linux"
      ];
      darwin = [
        "x86_64-darwin"
        "aarch64-darwin"
      ];
      projects = lib.genAttrs (linux ++ darwin) (
        system:
        import ./nix {
          inherit
            self
            nixpkgs
            crane
            system
            ;
        }
      );
      each = output: lib.mapAttrs (_: project: project.${output}) projects;
    in
    {
      packages = each "packages";
      apps = each "apps";
      checks = each "checks";
      devShells = each "devShells";
      formatter = each "formatter";
      # The VM tests want KVM, so `nix flake check` does not run them: `nix build .#vm-tests.dub`.
      legacyPackages = each "legacyPackages";
    };
}

# Everything that the flake offers for one system.
{
  self,
  nixpkgs,
  crane,
  system,
}:
let
  pkgs = nixpkgs.legacyPackages.${system};
  inherit (pkgs) lib;
  inherit (pkgs.stdenv.hostPlatform) isLinux isx86_64;
  inherit ((lib.importTOML ../Cargo.toml).workspace.package) version;
  # Of a checkout with uncommitted changes there is no revision that anybody else could build.
  revision = self.rev or self.dirtyRev or "unknown";

  # callPackage without its `override`, which would be one more attribute in our sets.
  callPackage =
    file: more:
    let
      function = import file;
    in
    function (builtins.intersectAttrs (builtins.functionArgs function) (pkgs // own) // more);
  own = {
    inherit version revision;
    craneLib = crane.mkLib pkgs;
    source = callPackage ./source.nix { };
    gstreamer = callPackage ./gstreamer.nix { };
    workspace = callPackage ./workspace.nix { };
    project = callPackage ./packages.nix { };
    images = callPackage ./images.nix { cuda = null; };
    oci = callPackage ./oci.nix { };
  };
  inherit (own) project oci;

  # The one import of nixpkgs that may hold unfree packages; nothing but cudaPackages is taken from it.
  cuda = callPackage ./cuda.nix {
    unfree = import nixpkgs {
      inherit system;
      config.allowUnfreePredicate =
        package: lib.any (licence: !(licence.free or true)) (lib.toList (package.meta.license or [ ]));
    };
  };

  images = oci.collect "images" own.images;
  imagesCuda = oci.collect "images-cuda" (callPackage ./images.nix { inherit cuda; });
  imagesOf = other: self.packages.${other}.images;
  # A Mac builds the Linux images of its own processor, through a Linux builder.
  linuxOf = lib.replaceStrings [ "darwin" ] [ "linux" ];

  packages =
    project
    // {
      default = project.xtask;
    }
    // lib.optionalAttrs isLinux (
      {
        inherit images;
        image-index = oci.join {
          amd64 = imagesOf "x86_64-linux";
          arm64 = imagesOf "aarch64-linux";
        };
      }
      // lib.mapAttrs' (name: lib.nameValuePair "image-${name}") own.images
      // lib.optionalAttrs isx86_64 (cuda // { images-cuda = imagesCuda; })
    )
    // lib.optionalAttrs (!isLinux) (
      lib.filterAttrs (name: _: lib.hasPrefix "image" name) self.packages.${linuxOf system}
    );

  checks = callPackage ./checks.nix { inherit (packages) images; };
in
{
  inherit packages checks;
  apps = callPackage ./apps.nix { inherit (packages) images; };
  devShells.default = callPackage ./shell.nix { inherit checks; };
  formatter = pkgs.nixfmt-tree;
  legacyPackages = lib.optionalAttrs isLinux {
    vm-tests = lib.mapAttrs' (file: _: {
      name = lib.removeSuffix ".nix" file;
      value = pkgs.testers.runNixOSTest (
        import (./tests + "/${file}") {
          inherit (own) images;
          inherit project version;
        }
      );
    }) (builtins.readDir ./tests);
  };
}

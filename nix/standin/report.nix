# What the flake makes of the stand-ins, as JSON: every derivation of every system is instantiated for it.
#
#   nix-instantiate --eval --strict --json nix/standin/report.nix
let
  nixpkgs = (import ./nixpkgs/flake.nix).outputs { } // {
    outPath = ./nixpkgs;
  };
  crane = (import ./crane/flake.nix).outputs { };
  flake = (import ../../flake.nix).outputs {
    inherit nixpkgs crane;
    self = flake // {
      rev = "0123456789abcdef0123456789abcdef01234567";
    };
  };

  map = builtins.mapAttrs;
  drvs = map (_: package: package.drvPath);
  named = package: builtins.unsafeDiscardStringContext package.name;
  image = package: {
    inherit (package) config budget;
    inherit (package.called) tag fakeRootCommands;
    name = package.called.name;
    contents = builtins.map named package.called.contents;
    arguments = builtins.attrNames package.called;
  };
  call = package: {
    inherit (package) drvPath;
    arguments = builtins.intersectAttrs {
      cargoExtraArgs = null;
      cargoBuildExtraArgs = null;
      cargoClippyExtraArgs = null;
      CUDA_COMPUTE_CAP = null;
      GST_PLUGIN_SYSTEM_PATH_1_0 = null;
      RUSTDOCFLAGS = null;
      src = null;
    } package.called;
    inputs = builtins.map named (
      (package.called.nativeBuildInputs or [ ]) ++ (package.called.buildInputs or [ ])
    );
  };
  linux = flake.packages.x86_64-linux;
in
{
  packages = map (_: drvs) flake.packages;
  apps = map (_: map (_: app: app.program)) flake.apps;
  checks = map (_: map (_: call)) flake.checks;
  shells = map (_: map (_: call)) flake.devShells;
  formatters = map (_: package: package.drvPath) flake.formatter;
  vmTests = map (_: packages: drvs (packages.vm-tests or { })) flake.legacyPackages;
  images = map (_: packages: map (_: image) packages.images.images) {
    inherit (flake.packages) x86_64-linux aarch64-linux;
  };
  imagesCuda = map (_: image) linux.images-cuda.images;
  workspace = call linux.media.workspace.binaries;
  cuda = map (_: call) {
    inherit (linux) speech-cuda-80 speech-cuda-90 speech-cuda-120;
  };
  inherit (linux.media.gstreamer) plugins path;
  # What of nixpkgs is used at all.
  nixpkgs =
    let
      pkgs = import ./nixpkgs { system = "x86_64-linux"; };
      attributes = set: prefix: builtins.map (name: prefix + name) (builtins.attrNames set);
    in
    attributes (removeAttrs pkgs [
      "cudaPackages"
      "dockerTools"
      "gst_all_1"
      "lib"
      "stdenv"
      "testers"
    ]) ""
    ++ attributes pkgs.cudaPackages "cudaPackages."
    ++ attributes pkgs.dockerTools "dockerTools."
    ++ attributes pkgs.gst_all_1 "gst_all_1."
    ++ attributes pkgs.testers "testers.";
}

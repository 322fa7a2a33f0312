# `nix flake check`: what continuous integration runs, from the arguments of the packages themselves.
{
  lib,
  stdenv,
  runCommand,
  craneLib,
  closureInfo,
  espeak-ng,
  ffmpeg-headless,
  jq,
  mediamtx,
  nixfmt,
  gnutar,
  workspace,
  source,
  gstreamer,
  project,
  images,
}:
let
  inherit (workspace) arguments dependencies;
  with' = more: arguments // { cargoArtifacts = dependencies; } // more;
  packages = lib.mapAttrs' (name: lib.nameValuePair "package-${name}") project;

  imageChecks = lib.mapAttrs' (name: image: {
    name = "image-${name}";
    value =
      runCommand "check-image-${name}"
        {
          nativeBuildInputs = [
            gnutar
            jq
          ];
          closure = closureInfo { rootPaths = image.contents; };
          inherit (image) budget;
        }
        ''
          bash ${./tests-of-images.sh} ${image} $closure $budget
          touch $out
        '';
  }) images.images;
in
packages
// {
  clippy = craneLib.cargoClippy (with' {
    cargoClippyExtraArgs = "--all-targets -- --deny warnings";
  });
  rustfmt = craneLib.cargoFmt {
    inherit (arguments) pname version;
    src = source.build;
    cargoExtraArgs = "--all";
  };
  # The end-to-end suite is among them: its programs are built first, and MediaMTX is on the PATH.
  nextest = craneLib.cargoNextest (with' {
    src = source.tests;
    nativeBuildInputs = arguments.nativeBuildInputs ++ [
      espeak-ng
      ffmpeg-headless
      mediamtx
      gstreamer.programs
    ];
    cargoExtraArgs = "--locked --workspace --no-fail-fast";
    preCheck = ''
      cargoWithProfile build --locked --workspace --bins
    '';
    GST_PLUGIN_SYSTEM_PATH_1_0 = gstreamer.path.tests;
    GST_REGISTRY = "/build/gstreamer-registry.bin";
    GIO_EXTRA_MODULES = gstreamer.gioModules;
  });
  doctest = craneLib.cargoDocTest (with' { });
  doc = craneLib.cargoDoc (with' {
    cargoDocExtraArgs = "--no-deps";
    RUSTDOCFLAGS = "--deny warnings";
  });
  deny = craneLib.cargoDeny {
    inherit (arguments) pname version;
    src = source.deny;
  };
  nixfmt = runCommand "check-nixfmt" { nativeBuildInputs = [ nixfmt ]; } ''
    find ${source.nix} -name '*.nix' -exec nixfmt --check {} +
    touch $out
  '';
}
# On a Mac they would ask a Linux builder of every `nix flake check`.
// lib.optionalAttrs stdenv.hostPlatform.isLinux imageChecks

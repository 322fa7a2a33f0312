# `nix run .#demo | deploy | load | up | verify-images | join-images | doctor`.
{
  lib,
  writeShellApplication,
  coreutils,
  gawk,
  gitMinimal,
  jq,
  skopeo,
  espeak-ng,
  mediamtx,
  project,
  gstreamer,
  images,
  version,
}:
let
  app = name: description: inputs: text: {
    type = "app";
    program = lib.getExe (writeShellApplication {
      name = "dragoman-${name}";
      runtimeInputs = inputs;
      inherit text;
      meta = { inherit description; };
    });
    meta = { inherit description; };
  };
  # Variables first, then the scripts as they are.
  with' = variables: scripts: lib.concatStringsSep "\n" ([ variables ] ++ map builtins.readFile scripts);
in
rec {
  demo =
    app "demo" "Publishes a live stream, dubs it, measures it like a viewer and reports"
      [
        espeak-ng
        mediamtx
      ]
      ''
        exec ${lib.getExe project.xtask} demo --built "$@"
      '';

  deploy = app "deploy" "Puts Dragoman into production, shows it and takes it away" [ ] ''
    exec ${lib.getExe project.deploy} "$@"
  '';

  # The images are built when this app is: where they cannot be, Nix says so before anything runs.
  load = app "load" "Loads this version's images into Docker or Podman" [
    coreutils
    gawk
    jq
  ] (with' "images=${images} version=${version}" [
    ./apps/say.sh
    ./apps/need-space.sh
    ./apps/load.sh
  ]);

  up = app "up" "Loads this version's images and starts them with docker compose" [
    coreutils
  ] (with' "load=${load.program} version=${version}" [
    ./apps/say.sh
    ./apps/up.sh
  ]);

  verify-images = app "verify-images" "Builds the images again and compares the digests" [
    coreutils
    gawk
    gitMinimal
    jq
    skopeo
  ] (with' "version=${version}" [
    ./apps/say.sh
    ./apps/need-space.sh
    ./apps/verify-images.sh
  ]);

  join-images = app "join-images" "Joins the images of two machines into one index" [
    coreutils
    jq
  ] (with' "join=${./oci/join.sh}" [
    ./apps/say.sh
    ./apps/join-images.sh
  ]);

  doctor = app "doctor" "Says what this machine has for the images, and what it lacks" [
    coreutils
    gawk
    jq
  ] (builtins.readFile ./apps/doctor.sh);
}

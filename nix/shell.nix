# `nix develop`: the inputs of the checks, and what a developer types beside cargo.
{
  lib,
  craneLib,
  cargo-deny,
  cargo-nextest,
  espeak-ng,
  ffmpeg-headless,
  mediamtx,
  nixfmt-tree,
  rust-analyzer,
  gstreamer,
  checks,
}:
craneLib.devShell {
  checks = lib.filterAttrs (name: _: name == "clippy" || name == "nextest" || name == "deny") checks;
  packages = [
    cargo-deny
    cargo-nextest
    espeak-ng
    ffmpeg-headless
    mediamtx
    nixfmt-tree
    rust-analyzer
    gstreamer.programs
  ];
  GST_PLUGIN_SYSTEM_PATH_1_0 = gstreamer.path.tests;
  GIO_EXTRA_MODULES = gstreamer.gioModules;
  shellHook = ''
    # Another GStreamer's plugins, or its list of them, would not load here.
    unset GST_PLUGIN_PATH GST_PLUGIN_PATH_1_0
    export GST_REGISTRY="''${XDG_CACHE_HOME:-$HOME/.cache}/dragoman/gstreamer-registry.bin"
    mkdir -p "''${GST_REGISTRY%/*}"
  '';
}

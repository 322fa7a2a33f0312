# What the builds see of the repository. Texts and Nix files are left out, so that editing them builds nothing again.
{ lib }:
let
  inherit (lib.fileset)
    difference
    fileFilter
    maybeMissing
    toSource
    unions
    ;
  root = ../.;
  rust = unions [
    ../Cargo.toml
    ../Cargo.lock
    ../.cargo
    ../clippy.toml
    ../rustfmt.toml
    ../crates
    ../tests
  ];
  texts = fileFilter (file: file.hasExt "md") ../crates;
  of =
    fileset:
    toSource {
      inherit root fileset;
    };
in
{
  build = of (unions [
    (difference rust texts)
    # What dragoman-deploy carries: the variables that a host may set, and what a host runs.
    ../.env.example
    ../compose.yaml
  ]);
  # Tests compare the configuration's example, the compose file, the images and the list of plugins with the code.
  tests = of (unions [
    rust
    ../.env.example
    ../README.md
    (maybeMissing ../compose.yaml)
    # The hostile inputs' own workspace, whose targets a test lists.
    (maybeMissing ../fuzz)
    ./gstreamer.nix
    ./images.nix
  ]);
  # What cargo-deny judges.
  deny = of (unions [
    rust
    ../deny.toml
  ]);
  nix = of (unions [
    ../flake.nix
    (fileFilter (file: file.hasExt "nix") ./.)
  ]);
}

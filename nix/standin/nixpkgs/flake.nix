{
  description = "Just enough of nixpkgs' shape to evaluate Dragoman's flake without it: see nix/README.md";
  outputs = _: {
    lib = import ./lib.nix;
    legacyPackages = (import ./lib.nix).genAttrs [
      "x86_64-linux"
      "aarch64-linux"
      "x86_64-darwin"
      "aarch64-darwin"
    ] (system: import ./. { inherit system; });
  };
}

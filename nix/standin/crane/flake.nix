{
  description = "Just enough of crane's shape to evaluate Dragoman's flake without it: see nix/README.md";
  outputs = _: {
    mkLib = import ./lib.nix;
  };
}

{
  description = "Just enough of crane's shape to evaluate Dragoman's flake without it: see ../README.md";
  outputs = _: {
    mkLib = import ./lib.nix;
  };
}

# The functions of crane's that we call, with the arguments that we may give them: another one is a spelling mistake.
pkgs:
let
  common = [
    "pname"
    "version"
    "src"
    "strictDeps"
    "cargoArtifacts"
    "cargoExtraArgs"
    "nativeBuildInputs"
    "buildInputs"
    "doCheck"
    "passthru"
    "meta"
    "preCheck"
    # Variables of the build.
    "CUDA_COMPUTE_CAP"
    "CUDA_TOOLKIT_ROOT_DIR"
    "GIO_EXTRA_MODULES"
    "GST_PLUGIN_SYSTEM_PATH_1_0"
    "GST_REGISTRY"
    "RUSTDOCFLAGS"
  ];
  call =
    function: more: needed: arguments:
    let
      known = common ++ more;
      always = [
        "src"
        "pname"
        "version"
      ];
      unknown = builtins.filter (name: !(builtins.elem name known)) (builtins.attrNames arguments);
      missing = builtins.filter (name: !(arguments ? ${name})) (always ++ needed);
    in
    if unknown != [ ] then
      throw "${function} was called with ${toString unknown}, which it does not know"
    else if missing != [ ] then
      throw "${function} was called without ${toString missing}"
    else
      pkgs.stdenv.mkDerivation (
        arguments
        // {
          pname = "${arguments.pname}-${function}";
          crane = function;
        }
      );
in
{
  buildDepsOnly = call "buildDepsOnly" [ "cargoCheckCommand" ] [ ];
  buildPackage = call "buildPackage" [ "cargoBuildExtraArgs" ] [ "cargoArtifacts" ];
  cargoClippy = call "cargoClippy" [ "cargoClippyExtraArgs" ] [ "cargoArtifacts" ];
  cargoFmt = call "cargoFmt" [ ] [ ];
  cargoNextest = call "cargoNextest" [ "cargoNextestExtraArgs" ] [ "cargoArtifacts" ];
  cargoDocTest = call "cargoDocTest" [ ] [ "cargoArtifacts" ];
  cargoDoc = call "cargoDoc" [ "cargoDocExtraArgs" ] [ "cargoArtifacts" ];
  cargoDeny = call "cargoDeny" [ ] [ ];
  devShell =
    {
      checks,
      packages,
      ...
    }@arguments:
    pkgs.stdenv.mkDerivation (
      removeAttrs arguments [ "checks" ]
      // {
        pname = "shell";
        version = "0";
        inputsFrom = builtins.attrValues checks;
        nativeBuildInputs = packages;
      }
    );
}

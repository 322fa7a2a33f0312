# The one build of the workspace: dependencies first and once, then every binary, with the lock file enforced. Checks and
# packages come from the same arguments.
{
  lib,
  craneLib,
  source,
  gstreamer,
  pkg-config,
  version,
}:
rec {
  arguments = {
    pname = "dragoman";
    inherit version;
    src = source.build;
    strictDeps = true;
    cargoExtraArgs = "--locked --workspace";
    nativeBuildInputs = [ pkg-config ];
    buildInputs = gstreamer.libraries;
  };

  # Tests' dependencies are among them.
  dependencies = craneLib.buildDepsOnly arguments;

  binaries = craneLib.buildPackage (
    arguments
    // {
      cargoArtifacts = dependencies;
      # Everything but the binaries' own targets: tests are a check of their own.
      cargoBuildExtraArgs = "--bins";
      doCheck = false;
      meta.license = lib.licenses.asl20;
    }
  );
}

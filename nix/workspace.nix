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

  # Those of the tests are among them. clippy wants them checked, not compiled, and sees to that itself: whoever builds
  # an image does not wait for it.
  dependencies = craneLib.buildDepsOnly (arguments // { cargoCheckCommand = "true"; });

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

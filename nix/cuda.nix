# dragoman-speech for NVIDIA GPUs, one build for each generation: part of the kernels are machine code for exactly one.
{
  lib,
  craneLib,
  workspace,
  source,
  autoAddDriverRunpath,
  # nixpkgs with unfree packages allowed.
  unfree,
  version,
}:
let
  inherit (unfree) cudaPackages;

  generations = {
    # A100; A10, A40 and RTX 30 run it as well, and so do Ada's L4, L40 and RTX 40.
    "80" = { };
    # H100, H200.
    "90" = { };
    # RTX 50, RTX PRO Blackwell.
    "120" = { };
  };

  arguments =
    capability:
    workspace.arguments
    // {
      pname = "dragoman-speech-cuda-${capability}";
      src = source.build;
      cargoExtraArgs = "--locked --package dragoman-speech --features cuda";
      nativeBuildInputs = [
        cudaPackages.cuda_nvcc
        autoAddDriverRunpath
      ];
      buildInputs = [
        cudaPackages.cuda_cudart
        cudaPackages.cuda_nvrtc
        cudaPackages.libcublas
        cudaPackages.libcurand
        (cudaPackages.cccl or cudaPackages.cuda_cccl)
      ];
      # Otherwise the build would ask the machine's driver for it.
      CUDA_COMPUTE_CAP = capability;
      CUDA_TOOLKIT_ROOT_DIR = lib.getDev cudaPackages.cuda_cudart;
      # Nothing of it runs without a GPU.
      doCheck = false;
    };

  build =
    capability:
    craneLib.buildPackage (
      arguments capability
      // {
        cargoArtifacts = craneLib.buildDepsOnly (arguments capability);
        cargoBuildExtraArgs = "--bins";
        passthru = { inherit version capability; };
        meta = {
          description = "Hears, translates and speaks, on GPUs of compute capability ${capability}";
          mainProgram = "dragoman-speech";
          platforms = [ "x86_64-linux" ];
          license = lib.licenses.asl20;
        };
      }
    );
in
lib.mapAttrs' (capability: _: {
  name = "speech-cuda-${capability}";
  value = build capability;
}) generations

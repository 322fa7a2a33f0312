# The packages and builders of nixpkgs that we use: nothing else is there, so that whatever we take in addition has to be
# entered here and in the table of ../../README.md. A package is a derivation that cannot be built and remembers, in
# `called`, with what it was made.
{
  system,
  config ? { },
}:
let
  lib = import ./lib.nix;
  words = lib.splitString "-" system;
  isLinux = builtins.elemAt words 1 == "linux";

  # What a builder can see of an argument: sets are for Nix alone.
  isVisible =
    value:
    !(builtins.isFunction value)
    && (!(builtins.isAttrs value) || value ? outPath)
    && (!(builtins.isList value) || lib.all isVisible value);

  mkDerivation =
    arguments':
    let
      arguments = if builtins.isFunction arguments' then arguments' arguments else arguments';
      name = arguments.name or "${arguments.pname}-${arguments.version}";
      outputs = arguments.outputs or [ "out" ];
      drv = builtins.derivation (
        lib.filterAttrs (_: isVisible) (
          removeAttrs arguments [
            "meta"
            "passthru"
          ]
        )
        // {
          inherit name outputs;
          system = arguments.system or system;
          builder = "/bin/false";
        }
      );
      more = {
        called = arguments;
        meta = arguments.meta or { };
        passthru = arguments.passthru or { };
        overrideAttrs =
          change:
          mkDerivation (
            arguments // (if builtins.isFunction change then change arguments else change)
          );
        override = _: mkDerivation arguments;
      }
      // arguments.passthru or { };
    in
    drv // more // lib.genAttrs outputs (output: drv.${output} // more);

  package = pname: packageWith pname { };
  packageWith =
    pname: more:
    mkDerivation (
      {
        inherit pname;
        version = "0";
        meta.mainProgram = pname;
      }
      // more
    );
  packages = names: lib.genAttrs names package;

  libAndDev = {
    outputs = [
      "out"
      "dev"
    ];
  };

  # Licensed as nixpkgs says: it cannot be had unless the configuration allows it.
  unfree =
    pname:
    let
      it = packageWith pname (libAndDev // {
        meta = {
          mainProgram = pname;
          license = [
            {
              shortName = "CUDA EULA";
              free = false;
            }
          ];
        };
      });
    in
    if (config.allowUnfreePredicate or (_: false)) it then it else throw "${pname} is unfree";

  makeScope =
    packages:
    let
      self = packages self;
    in
    self
    // {
      overrideScope =
        change:
        makeScope (
          final:
          let
            prev = packages final;
          in
          prev // change final prev
        );
    };

  runCommand =
    name: attributes: buildCommand:
    mkDerivation (attributes // { inherit name buildCommand; });
in
packages (
  [
    "awscli2"
    "cacert"
    "caddy"
    "cargo-deny"
    "cargo-nextest"
    "coreutils"
    "espeak-ng"
    "gawk"
    "gitMinimal"
    "glib"
    "gnutar"
    "gzip"
    "jq"
    "libopus"
    "makeBinaryWrapper"
    "mediamtx"
    "nasm"
    "nixfmt"
    "nixfmt-tree"
    "openssl"
    "orc"
    "pkg-config"
    "rust-analyzer"
    "skopeo"
    "x264"
    "zlib"
  ]
  # Linux only, as in nixpkgs.
  ++ lib.optional isLinux "autoAddDriverRunpath"
)
// {
  inherit lib runCommand;

  stdenv = {
    inherit mkDerivation;
    cc.targetPrefix = "";
    hostPlatform = {
      inherit system isLinux;
      isDarwin = !isLinux;
      isx86_64 = builtins.head words == "x86_64";
      parsed.cpu.name = builtins.head words;
      extensions.sharedLibrary = if isLinux then ".so" else ".dylib";
    };
  };

  gst_all_1 = makeScope (
    self:
    lib.mapAttrs packageWith {
      # As in nixpkgs the first output is not the one with the libraries.
      gstreamer.outputs = [
        "bin"
        "out"
        "dev"
      ];
      gst-plugins-base = libAndDev;
      gst-plugins-good = libAndDev;
      gst-plugins-bad = libAndDev;
      gst-plugins-ugly = libAndDev;
      gst-libav = libAndDev;
    }
  );
  ffmpeg-headless = package "ffmpeg-headless" // {
    src = "ffmpeg";
    version = "0";
  };
  glib-networking = package "glib-networking";

  writeText = name: text: runCommand name { inherit text; } "";
  writeTextDir = path: text: runCommand (baseNameOf path) { inherit path text; } "";
  writeShellApplication =
    {
      name,
      text,
      runtimeInputs,
      meta,
    }:
    mkDerivation {
      inherit name text runtimeInputs;
      meta = meta // {
        mainProgram = name;
      };
    };
  closureInfo = { rootPaths }: runCommand "closure-info" { inherit rootPaths; } "";

  dockerTools = {
    caCertificates = package "ca-certificates";
    buildLayeredImage =
      # Every argument of nixpkgs' function: another one is a spelling mistake.
      {
        name,
        tag ? null,
        fromImage ? null,
        contents ? [ ],
        config ? { },
        architecture ? null,
        created ? "1970-01-01T00:00:01Z",
        mtime ? "1970-01-01T00:00:01Z",
        uid ? 0,
        gid ? 0,
        uname ? "root",
        gname ? "root",
        maxLayers ? 100,
        extraCommands ? "",
        fakeRootCommands ? "",
        enableFakechroot ? false,
        includeStorePaths ? true,
        includeNixDB ? false,
        compressor ? "gz",
        passthru ? { },
        meta ? { },
      }@arguments:
      assert isLinux;
      mkDerivation (
        removeAttrs arguments [ "config" ]
        // {
          name = "${name}.tar.gz";
          configuration = builtins.toJSON config;
          passthru = passthru // {
            inherit config;
          };
        }
      );
  };

  # The nodes are not evaluated, which takes NixOS: only what they are made from.
  testers.runNixOSTest =
    {
      name,
      nodes,
      testScript,
    }:
    runCommand "vm-test-${name}" {
      nodes = builtins.toJSON nodes;
      inherit testScript;
    } "";

  cudaPackages = lib.genAttrs [
    "cuda_nvcc"
    "cuda_cudart"
    "cuda_nvrtc"
    "libcublas"
    "libcurand"
    "cccl"
  ] unfree;
}

# The images, one attribute each: a docker-archive whose bytes depend on nothing but this flake.
#
# Each holds the closure of its programs, a CA bundle and two empty directories; no shell, no package manager. It runs as a
# numeric user on a read-only root. What it may write to are its volumes.
{
  lib,
  dockerTools,
  cacert,
  writeTextDir,
  caddy,
  mediamtx,
  project,
  gstreamer,
  version,
  revision,
  # null, or the builds of dragoman-speech for each GPU generation: then the set has those and no others.
  cuda,
}:
let
  user = 65532;
  cargo = (lib.importTOML ../Cargo.toml).workspace.package;

  # Without names some libraries warn at each start.
  accounts = [
    (writeTextDir "etc/passwd" ''
      root:x:0:0::/:/sbin/nologin
      dragoman:x:${toString user}:${toString user}::/tmp:/sbin/nologin
    '')
    (writeTextDir "etc/group" ''
      root:x:0:
      dragoman:x:${toString user}:
    '')
  ];

  image =
    name:
    {
      programs,
      files ? [ ],
      entrypoint,
      health,
      env,
      ports,
      # Beside /tmp.
      volumes ? [ ],
      # Unpacked, in MB.
      budget,
      description,
      licences ? [ cargo.license ],
    }:
    let
      directories = map (lib.removePrefix "/") volumes;
    in
    dockerTools.buildLayeredImage {
      name = "dragoman-${name}";
      # The same bytes are given further tags by whoever publishes them.
      tag = version;
      contents = programs ++ files ++ accounts ++ [ dockerTools.caCertificates ];
      # Everything belongs to root but what is written to, which exists so that a volume put there belongs to the user.
      fakeRootCommands = ''
        mkdir -m 1777 tmp
        ${lib.concatMapStrings (directory: ''
          mkdir -p -m 755 ${directory}
          chown ${toString user}:${toString user} ${directory}
        '') directories}
      '';
      config = {
        User = "${toString user}:${toString user}";
        WorkingDir = "/tmp";
        Entrypoint = entrypoint;
        Env = lib.mapAttrsToList (key: value: "${key}=${value}") (
          {
            PATH = "/bin";
            HOME = "/tmp";
            SSL_CERT_FILE = "${cacert}/etc/ssl/certs/ca-bundle.crt";
          }
          // env
        );
        ExposedPorts = lib.genAttrs ports (_: { });
        Volumes = lib.genAttrs ([ "/tmp" ] ++ volumes) (_: { });
        StopSignal = "SIGTERM";
        Healthcheck = {
          Test = [ "CMD" ] ++ health;
          Interval = seconds 10;
          Timeout = seconds 3;
          StartPeriod = seconds 20;
          Retries = 3;
        };
        Labels = {
          "org.opencontainers.image.title" = "dragoman-${name}";
          "org.opencontainers.image.description" = description;
          "org.opencontainers.image.source" = cargo.repository or "unpublished";
          "org.opencontainers.image.version" = version;
          "org.opencontainers.image.revision" = revision;
          "org.opencontainers.image.licenses" = lib.concatStringsSep " AND " licences;
        };
      };
      passthru = {
        inherit name budget programs;
        contents = programs ++ files ++ [ cacert ];
      };
    };
  seconds = count: count * 1000000000;

  # GStreamer loads LGPL libraries.
  withGstreamer = [
    cargo.license
    "LGPL-2.1-or-later"
  ];

  speech =
    name: package: extra:
    image name (
      {
        programs = [ package ];
        entrypoint = [ "/bin/dragoman-speech" ];
        health = [
          "/bin/dragoman-speech"
          "health"
        ];
        ports = [ "8090/tcp" ];
        volumes = [ "/cache" ];
        budget = 120;
        description = package.meta.description;
      }
      // extra
      // {
        env = {
          SPEECH_LISTEN = "0.0.0.0:8090";
          # Models are kept here, and nowhere else.
          HF_HOME = "/cache/huggingface";
        }
        // extra.env or { };
      }
    );
in
if cuda != null then
  lib.mapAttrs (
    name: package:
    speech name package {
      # cuBLAS alone is half of it.
      budget = 2500;
      licences = [
        cargo.license
        "LicenseRef-NVIDIA-CUDA-EULA"
      ];
      env = {
        SPEECH_DEVICE = "cuda";
        NVIDIA_VISIBLE_DEVICES = "all";
        NVIDIA_DRIVER_CAPABILITIES = "compute,utility";
        # Programs of the Nix store do not read the container's ld.so.cache. The driver is put into one of these: by the
        # container toolkit's older mode, by CDI on Debian and on others, by hosted GPU machines, by NixOS.
        LD_LIBRARY_PATH = lib.concatStringsSep ":" [
          "/usr/lib64"
          "/usr/lib/x86_64-linux-gnu"
          "/usr/local/nvidia/lib64"
          "/run/opengl-driver/lib"
        ];
      };
    }
  ) cuda
else
  {
    media = image "media" {
      programs = [ project.media ];
      entrypoint = [ "/bin/dragoman-media" ];
      health = [
        "/bin/dragoman-media"
        "health"
      ];
      env = {
        MEDIA_LISTEN = "0.0.0.0:8080";
        GST_PLUGIN_SYSTEM_PATH_1_0 = gstreamer.path.worker;
        # The root is read-only, and each start finds the same plugins.
        GST_REGISTRY = "/tmp/gstreamer-registry.bin";
        GIO_EXTRA_MODULES = gstreamer.gioModules;
        GIO_USE_PROXY_RESOLVER = "dummy";
        GIO_USE_VFS = "local";
        GSETTINGS_BACKEND = "memory";
      };
      ports = [ "8080/tcp" ];
      volumes = [ "/artifacts" ];
      budget = 120;
      description = project.media.meta.description;
      licences = withGstreamer;
    };

    speech = speech "speech" project.speech { };

    mediamtx = image "mediamtx" {
      programs = [
        mediamtx
        project.hook
      ];
      # It turns NAME_FILE into NAME for the settings that are secrets.
      entrypoint = [
        "/bin/dragoman-hook"
        "exec"
        "--only"
        "MTX_"
        "--"
        "/bin/mediamtx"
        "${project.hook}/share/dragoman/mediamtx.yml"
      ];
      health = [
        "/bin/dragoman-hook"
        "health"
        "http://127.0.0.1:9997/v3/info"
      ];
      env = {
        MTX_MOQ = "no";
        MTX_RTMPADDRESS = ":1935";
        MTX_RTMPSADDRESS = ":1936";
        MTX_RTSPADDRESS = ":8554";
        MTX_SRTADDRESS = ":8890";
        MTX_HLSADDRESS = ":8888";
        MTX_APIADDRESS = ":9997";
        # The health check asks the control API, from inside the container only. The configuration's own three users stay
        # as they are: closed to other machines until they are given names and secrets.
        MTX_AUTHINTERNALUSERS_3_USER = "any";
        MTX_AUTHINTERNALUSERS_3_IPS = "127.0.0.1";
        MTX_AUTHINTERNALUSERS_3_PERMISSIONS_0_ACTION = "api";
      };
      ports = [
        "1935/tcp"
        "1936/tcp"
        "8554/tcp"
        "8888/tcp"
        "8890/udp"
        "9997/tcp"
      ];
      volumes = [ "/recordings" ];
      budget = 150;
      description = "MediaMTX with Dragoman's hook and configuration";
      licences = [
        cargo.license
        "MIT"
      ];
    };

    caddy = image "caddy" {
      programs = [
        caddy
        project.hook
      ];
      # It refuses to open what has no key.
      entrypoint = [
        "/bin/dragoman-hook"
        "exec"
        "--only"
        "CADDY_"
        "--"
        "/bin/caddy"
        "run"
        "--adapter"
        "caddyfile"
        "--config"
        "${./Caddyfile}"
      ];
      health = [
        "/bin/dragoman-hook"
        "health"
        "http://127.0.0.1:2020/healthz"
      ];
      env = {
        # Certificates, and the account they are for.
        XDG_DATA_HOME = "/data";
        XDG_CONFIG_HOME = "/tmp";
      };
      ports = [
        "80/tcp"
        "443/tcp"
      ];
      volumes = [ "/data" ];
      budget = 150;
      description = "Caddy with Dragoman's sites: TLS for viewers, operators and speech hosts";
    };
  }

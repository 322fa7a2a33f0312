# GStreamer with the plugins that are used, and no others.
#
# The list below is the only one: from it come the build options, the packages' wrappers, the tests, the development shell
# and the media image. `worker` holds the elements that dragoman-media makes, `tools` those of the probe and the tests. A
# test of xtask compares both with the source.
{
  lib,
  stdenv,
  gst_all_1,
  ffmpeg-headless,
  glib-networking,
  glib,
  libopus,
  nasm,
  openssl,
  orc,
  pkg-config,
  x264,
  zlib,
}:
let
  plugins = [
    {
      package = "gstreamer";
      name = "coreelements";
      worker = [ "fakesink" ];
      tools = [
        "capsfilter"
        "filesink"
        "filesrc"
        "identity"
        "queue"
      ];
    }
    {
      package = "gst-plugins-base";
      name = "app";
      worker = [
        "appsink"
        "appsrc"
      ];
    }
    {
      package = "gst-plugins-base";
      name = "audioconvert";
      worker = [ "audioconvert" ];
    }
    {
      package = "gst-plugins-base";
      name = "audioresample";
      worker = [ "audioresample" ];
    }
    {
      package = "gst-plugins-base";
      name = "audiotestsrc";
      tools = [ "audiotestsrc" ];
    }
    {
      package = "gst-plugins-base";
      name = "opus";
      worker = [ "opusdec" ];
    }
    {
      package = "gst-plugins-base";
      name = "playback";
      tools = [
        "decodebin"
        "parsebin"
      ];
    }
    {
      # decodebin and parsebin look at a file's beginning with it.
      package = "gst-plugins-base";
      name = "typefindfunctions";
      option = "typefind";
      tools = [ ];
    }
    {
      package = "gst-plugins-base";
      name = "videoconvertscale";
      tools = [ "videoconvert" ];
    }
    {
      package = "gst-plugins-base";
      name = "videotestsrc";
      tools = [ "videotestsrc" ];
    }
    {
      package = "gst-plugins-good";
      name = "alaw";
      option = "law";
      worker = [ "alawdec" ];
    }
    {
      package = "gst-plugins-good";
      name = "mulaw";
      option = "law";
      worker = [ "mulawdec" ];
    }
    {
      package = "gst-plugins-good";
      name = "audioparsers";
      worker = [
        "aacparse"
        "mpegaudioparse"
      ];
    }
    {
      package = "gst-plugins-good";
      name = "flv";
      worker = [ "flvdemux" ];
      tools = [ "flvmux" ];
    }
    {
      package = "gst-plugins-good";
      name = "isomp4";
      tools = [ "qtdemux" ];
    }
    {
      package = "gst-plugins-good";
      name = "matroska";
      tools = [ "matroskamux" ];
    }
    {
      package = "gst-plugins-good";
      name = "rtp";
      worker = [
        "rtpac3depay"
        "rtph264depay"
        "rtpmp4adepay"
        "rtpmp4gdepay"
        "rtpmpadepay"
        "rtpopusdepay"
        "rtppcmadepay"
        "rtppcmudepay"
      ];
    }
    {
      # rtspsrc makes its session with it.
      package = "gst-plugins-good";
      name = "rtpmanager";
      worker = [ ];
    }
    {
      package = "gst-plugins-good";
      name = "rtsp";
      worker = [ "rtspsrc" ];
    }
    {
      # rtspsrc makes its sources with it, those of a TCP connection too.
      package = "gst-plugins-good";
      name = "udp";
      worker = [ ];
    }
    {
      package = "gst-plugins-bad";
      name = "codectimestamper";
      worker = [ "h264timestamper" ];
    }
    {
      package = "gst-plugins-bad";
      name = "mpegtsdemux";
      tools = [ ];
    }
    {
      package = "gst-plugins-bad";
      name = "rtmp2";
      tools = [
        "rtmp2sink"
        "rtmp2src"
      ];
    }
    {
      package = "gst-plugins-bad";
      name = "videoparsersbad";
      option = "videoparsers";
      worker = [ "h264parse" ];
    }
    {
      package = "gst-plugins-ugly";
      name = "x264";
      tools = [ "x264enc" ];
    }
    {
      package = "gst-libav";
      name = "libav";
      worker = [
        "avdec_aac"
        "avdec_ac3"
        "avdec_mp3"
        "avenc_aac"
      ];
    }
  ];

  of = package: lib.filter (plugin: plugin.package == package) plugins;
  isTool = plugin: !(plugin ? worker);
  file = plugin: "libgst${plugin.name}${stdenv.hostPlatform.extensions.sharedLibrary}";

  # Sources, patches and tools are nixpkgs'. Meson builds what is named and nothing else, so that the libraries' own
  # dependencies (X11, GL, ALSA, ...) are neither built nor shipped. Plugins that only tools use go into an output of
  # their own, which no image refers to.
  reduced =
    scope: package: inputs:
    let
      tools = lib.filter isTool (of package);
      parts = lib.unique (map (plugin: plugin.option or plugin.name) (of package));
      gpl = lib.optional (package == "gst-plugins-ugly") "gpl";
    in
    scope.${package}.overrideAttrs (old: {
      outputs = (old.outputs or [ "out" ]) ++ lib.optional (tools != [ ]) "tools";
      buildInputs = inputs;
      mesonAutoFeatures = "disabled";
      mesonFlags = map (part: "-D${part}=enabled") (gpl ++ parts ++ [ "orc" ]);
      doCheck = false;
      # A few packages add libraries to every link.
      preConfigure = (old.preConfigure or "") + ''
        NIX_LDFLAGS=''${NIX_LDFLAGS//-lncurses/}
      '';
      postInstall =
        (old.postInstall or "")
        + lib.concatMapStrings (plugin: ''
          moveToOutput lib/gstreamer-1.0/${file plugin} "$tools"
        '') tools;
      passthru = (old.passthru or { }) // {
        toolsPlugins = tools != [ ];
      };
    });

  scope = gst_all_1.overrideScope (
    final: prev: {
      gstreamer = prev.gstreamer.overrideAttrs (old: {
        buildInputs = [ ];
        mesonAutoFeatures = "disabled";
        # The worker's log is its own; `tools` is gst-inspect and gst-launch, which no image holds.
        mesonFlags = [
          "-Dregistry=true"
          "-Dtools=enabled"
          "-Dgst_debug=true"
        ];
        doCheck = false;
        # A script for GStreamer's own documentation and some for a debugger: each would bring Python into the image.
        postInstall = (old.postInstall or "") + ''
          rm -rf $out/libexec/gstreamer-1.0/gst-plugins-doc-cache-generator $out/share/gdb $out/share/gstreamer-1.0
        '';
      });
      gst-plugins-base = reduced prev "gst-plugins-base" [
        libopus
        orc
        zlib
      ];
      gst-plugins-good = reduced prev "gst-plugins-good" [
        final.gst-plugins-base
        orc
        zlib
      ];
      gst-plugins-bad = reduced prev "gst-plugins-bad" [
        final.gst-plugins-base
        orc
      ];
      gst-plugins-ugly = reduced prev "gst-plugins-ugly" [
        final.gst-plugins-base
        orc
        x264
      ];
      # Its tests would want a GStreamer that is built for them.
      gst-libav-full = prev.gst-libav.overrideAttrs {
        mesonAutoFeatures = "disabled";
        mesonFlags = [ ];
        doCheck = false;
      };
      gst-libav = final.gst-libav-full.overrideAttrs {
        buildInputs = [
          final.gstreamer
          final.gst-plugins-base
          ffmpeg
        ];
      };
    }
  );

  # FFmpeg's libraries with the codecs of the list: its whole self, with everything that it can link, is ten times the
  # size of the worker.
  ffmpeg = stdenv.mkDerivation {
    pname = "ffmpeg-audio";
    inherit (ffmpeg-headless) version src;
    nativeBuildInputs = [
      nasm
      pkg-config
    ];
    outputs = [
      "out"
      "dev"
    ];
    configurePlatforms = [ ];
    setOutputFlags = false;
    configureFlags = [
      "--incdir=${placeholder "dev"}/include"
      "--disable-everything"
      "--disable-autodetect"
      "--disable-programs"
      "--disable-doc"
      "--disable-network"
      "--disable-static"
      "--enable-shared"
      "--enable-pic"
      "--enable-decoder=aac,ac3,mp3"
      "--enable-encoder=aac"
      "--cc=${stdenv.cc.targetPrefix}cc"
      "--arch=${stdenv.hostPlatform.parsed.cpu.name}"
    ];
    enableParallelBuilding = true;
    # A library that says how it was configured would refer to its own headers.
    postConfigure = ''
      sed -i 's/^#define FFMPEG_CONFIGURATION .*/#define FFMPEG_CONFIGURATION ""/' config.h
    '';
    postInstall = ''
      rm -rf $out/share
    '';
    meta = {
      description = "FFmpeg's libraries with AAC, MP3 and AC-3";
      license = lib.licenses.lgpl21Plus;
    };
  };

  # TLS for rtsps://, without the desktop's proxy settings. OpenSSL, since it takes its authorities from
  # SSL_CERT_FILE and brings no scripts.
  tls = glib-networking.overrideAttrs (old: {
    outputs = [ "out" ];
    patches = [ ];
    buildInputs = [
      glib
      openssl
    ];
    mesonFlags = [
      "-Dgnutls=disabled"
      "-Dopenssl=enabled"
      "-Dlibproxy=disabled"
      "-Dgnome_proxy=disabled"
      "-Denvironment_proxy=disabled"
    ];
    postFixup = "";
  });

  directory = package: "${package}/lib/gstreamer-1.0";
  workerPackages = map lib.getLib [
    scope.gstreamer
    scope.gst-plugins-base
    scope.gst-plugins-good
    scope.gst-plugins-bad
    scope.gst-libav
  ];
  toolsPackages = map (package: package.tools) [
    scope.gst-plugins-base
    scope.gst-plugins-good
    scope.gst-plugins-bad
    scope.gst-plugins-ugly
  ];
in
{
  inherit plugins scope ffmpeg;

  # What the Rust crates link.
  libraries = [
    scope.gstreamer
    scope.gst-plugins-base
  ];

  gioModules = "${tls}/lib/gio/modules";

  # Values of GST_PLUGIN_SYSTEM_PATH_1_0.
  path = {
    worker = lib.concatMapStringsSep ":" directory workerPackages;
    # The worker's plugins and what the tests add.
    tests = lib.concatMapStringsSep ":" directory (workerPackages ++ toolsPackages);
    # A file of any codec can be sent: all of FFmpeg stands before its reduced self.
    tools = lib.concatMapStringsSep ":" directory (
      [ (lib.getLib scope.gst-libav-full) ] ++ workerPackages ++ toolsPackages
    );
  };

  # gst-launch-1.0 and gst-inspect-1.0.
  programs = lib.getBin scope.gstreamer;
}

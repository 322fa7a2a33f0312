# A package for each program, out of the one build of the workspace.
{
  lib,
  runCommand,
  makeBinaryWrapper,
  awscli2,
  workspace,
  gstreamer,
  version,
}:
let
  package =
    name: program: description: more:
    runCommand "dragoman-${name}-${version}"
      {
        nativeBuildInputs = [ makeBinaryWrapper ];
        passthru = {
          inherit version;
        }
        // more.passthru or { };
        meta = {
          inherit description;
          mainProgram = program;
          license = lib.licenses.asl20;
        };
      }
      ''
        install -D ${workspace.binaries}/bin/${program} $out/bin/${program}
        ${more.script or ""}
      '';
  # The program finds the plugins of its own list and no others, whatever its caller has in the environment.
  withPlugins = path: program: ''
    wrapProgram $out/bin/${program} --set GST_PLUGIN_SYSTEM_PATH_1_0 ${path} --unset GST_PLUGIN_PATH_1_0 \
      --unset GST_PLUGIN_PATH --set GIO_EXTRA_MODULES ${gstreamer.gioModules}
  '';
in
rec {
  media = package "media" "dragoman-media" "Pulls live streams and pushes them dubbed" {
    script = withPlugins gstreamer.path.worker "dragoman-media";
    passthru = {
      inherit gstreamer workspace;
    };
  };
  speech = package "speech" "dragoman-speech" "Hears, translates and speaks" { };
  hook = package "hook" "dragoman-hook" "What MediaMTX runs when a stream comes or goes" {
    script = "install -D -m 444 ${../crates/hook/mediamtx.yml} $out/share/dragoman/mediamtx.yml";
  };
  router = package "router" "dragoman-router" "A small RTMP router for the demo and for tests" { };
  probe = package "probe" "dragoman-probe" "Publishes test streams and measures programmes" {
    script = withPlugins gstreamer.path.tools "dragoman-probe";
  };
  # It runs the ordinary `aws`: its caller's, or else this one.
  deploy = package "deploy" "dragoman-deploy" "Streams on EC2, speech on a rented GPU" {
    script = "wrapProgram $out/bin/dragoman-deploy --suffix PATH : ${awscli2}/bin";
  };

  # xtask looks for the programs beside itself, so it is a copy and they are links.
  xtask = package "xtask" "xtask" "Runs the demo and looks after a developer's machine" {
    script = ''
      for program in ${
        lib.escapeShellArgs (
          map lib.getExe [
            media
            speech
            hook
            router
            probe
          ]
        )
      }; do
        ln -s $program $out/bin/
      done
      ln -s ${hook}/share $out/share
    '';
  };
}

# The images on a machine of their own, under Podman: a publisher sends a stream over the network, a viewer measures the
# programme that comes out.
{
  images,
  project,
  version,
}:
let
  key = "a-key-for-this-test-only";
  publisherPass = "publisher-of-this-test";
  workerPass = "worker-of-this-test";
  container = name: environment: {
    image = "dragoman-${name}:${version}";
    imageFile = images.${name};
    pull = "never";
    inherit environment;
    extraOptions = [
      "--network=host"
      "--read-only"
      "--tmpfs=/tmp"
      "--cap-drop=all"
    ];
  };
in
{
  name = "dragoman-dub";

  nodes = {
    dragoman = {
      virtualisation = {
        memorySize = 2048;
        diskSize = 4096;
        oci-containers = {
          backend = "podman";
          containers = {
            mediamtx = container "mediamtx" {
              MEDIA_API_URL = "http://127.0.0.1:8080";
              MEDIA_API_KEY = key;
              MTX_AUTHINTERNALUSERS_0_USER = "publisher";
              MTX_AUTHINTERNALUSERS_0_PASS = publisherPass;
              MTX_AUTHINTERNALUSERS_0_IPS = "192.168.1.0/24";
              MTX_AUTHINTERNALUSERS_1_USER = "worker";
              MTX_AUTHINTERNALUSERS_1_PASS = workerPass;
              MTX_AUTHINTERNALUSERS_1_IPS = "127.0.0.1,192.168.1.0/24";
              MTX_AUTHINTERNALUSERS_2_IPS = "192.168.1.0/24";
              # Viewers need no key here.
              ALLOW_OPEN = "1";
            };
            speech = container "speech" {
              SPEECH_LISTEN = "127.0.0.1:8090";
              SPEECH_ENGINE = "mock";
            };
            media = container "media" {
              MEDIA_API_KEY = key;
              ROUTER_USER = "worker";
              ROUTER_PASS = workerPass;
              TARGETS = "es";
            };
          };
        };
      };
      networking.firewall.allowedTCPPorts = [
        1935
        8080
      ];
    };
    publisher.environment.systemPackages = [ project.probe ];
    viewer.environment.systemPackages = [ project.probe ];
  };

  testScript = ''
    import json

    start_all()
    for unit in ("mediamtx", "speech", "media"):
        dragoman.wait_for_unit(f"podman-{unit}.service")
    for port in (1935, 8080, 8090):
        dragoman.wait_for_open_port(port)

    with subtest("The images find themselves healthy"):
        for name in ("mediamtx", "speech", "media"):
            dragoman.wait_until_succeeds(f"podman healthcheck run {name}")

    with subtest("A stranger may not publish"):
        publisher.wait_for_unit("multi-user.target")
        publisher.fail("timeout 20 dragoman-probe publish rtmp://dragoman:1935/live/vm/in")

    with subtest("A stream is dubbed"):
        publisher.succeed(
            "systemd-run --unit=publish dragoman-probe publish "
            "'rtmp://dragoman:1935/live/vm/in?user=publisher&pass=${publisherPass}'"
        )
        ask = "curl -sf -H 'authorization: Bearer ${key}' http://127.0.0.1:8080/v1/streams/vm"
        dragoman.wait_until_succeeds(f"{ask} | grep -q '\"state\": *\"live\"'")
        # The speech session is there a moment later.
        dragoman.wait_until_succeeds(f"{ask} | grep -q '\"engine\": *\"mock\"'")

    with subtest("The viewer gets pictures and sound"):
        viewer.wait_for_unit("multi-user.target")
        viewer.succeed(
            "dragoman-probe measure --seconds 20 --report /tmp/report.json "
            "--source 'rtmp://dragoman:1935/live/vm/in?user=worker&pass=${workerPass}' "
            "--programme es=rtmp://dragoman:1935/live/vm/out"
        )
        programme = json.loads(viewer.succeed("cat /tmp/report.json"))["programmes"][0]
        assert programme["video"]["payload_identical"], programme
        assert programme["audio"]["gaps"] == 0, programme

    with subtest("A container that is killed comes back, and the stream with it"):
        dragoman.succeed("podman kill media")
        dragoman.wait_until_succeeds(f"{ask} | grep -q '\"state\": *\"live\"'")
  '';
}

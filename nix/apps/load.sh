# load [NAME...]: this machine's images into Docker (or Podman, where DOCKER=podman or there is no Docker).
engine=${DOCKER:-}
if [ -z "$engine" ]; then
  for candidate in docker podman; do
    if command -v "$candidate" >/dev/null; then
      engine=$candidate
      break
    fi
  done
fi
[ -n "$engine" ] || die "there is no docker and no podman on the PATH" \
  "install Docker Engine or Docker Desktop (https://docs.docker.com/get-started/get-docker), or podman"
command -v "$engine" >/dev/null || die "DOCKER says $engine, which is not on the PATH"
"$engine" info >/dev/null 2>&1 || die "$engine does not answer" \
  "start it (sudo systemctl start docker, or Docker Desktop), or let your user talk to it (group docker)"

if [ $# -eq 0 ]; then
  mapfile -t names < <(jq -r '.images | keys[]' "$images/digests.json")
else
  names=("$@")
fi
megabytes=0
for name in "${names[@]}"; do
  [ -e "$images/archives/$name.tar.gz" ] ||
    die "there is no image $name" "images: $(jq -r '.images | keys | join(", ")' "$images/digests.json")"
  # Unpacked and packed, both for a moment.
  megabytes=$((megabytes + $(stat -L -c %s "$images/archives/$name.tar.gz") * 4 / 1000000))
done
store=$("$engine" info --format '{{.DockerRootDir}}' 2>/dev/null || echo /)
# A directory inside another machine (Docker Desktop) is none of ours to judge.
[ ! -d "$store" ] || need_space "$store" "$megabytes" "loading ${#names[@]} images"

# All or none: what this run has added goes again when one of them fails.
added=()
undo() {
  for image in "${added[@]}"; do "$engine" image rm "$image" >/dev/null 2>&1 || true; done
}
for name in "${names[@]}"; do
  image=dragoman-$name:$version
  known=$("$engine" image inspect --format '{{.Id}}' "$image" 2>/dev/null || true)
  if ! "$engine" load --quiet --input "$images/archives/$name.tar.gz" >/dev/null; then
    undo
    die "$engine could not load $name; nothing of this run was kept"
  fi
  [ -n "$known" ] || added+=("$image")
  echo "$image $("$engine" image inspect --format '{{.Id}}' "$image")"
done

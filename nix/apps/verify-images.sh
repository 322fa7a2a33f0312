# verify-images [--against FILE | --registry HOST/PATH] [--images DIRECTORY] [NAME...]
#
# Builds this checkout's images on this machine and compares their digests with those that somebody else got: with a
# digests.json (default: a second build here), or with what a registry serves. Exit 0 only if all are equal.
against='' registry='' images='' names=()
while [ $# -gt 0 ]; do
  case $1 in
    --against) against=${2:?--against wants a file}; shift 2 ;;
    --registry) registry=${2:?--registry wants HOST/PATH}; shift 2 ;;
    --images) images=${2:?--images wants a directory}; shift 2 ;;
    -h | --help)
      echo "usage: verify-images [--against digests.json | --registry HOST/PATH] [--images DIRECTORY] [NAME...]"
      exit 0
      ;;
    -*) die "unknown option $1" "usage: verify-images [--against digests.json | --registry HOST/PATH] [NAME...]" ;;
    *) names+=("$1"); shift ;;
  esac
done
[ -z "$against" ] || [ -r "$against" ] || die "there is no file $against"

if [ -z "$images" ]; then
  [ -e flake.nix ] || die "there is no flake.nix here" "run it in a checkout of the release: git checkout v$version"
  command -v nix >/dev/null || die "there is no nix on the PATH" "install it: https://nixos.org/download"
  if git rev-parse --git-dir >/dev/null 2>&1; then
    [ -z "$(git status --porcelain --untracked-files=no)" ] ||
      die "this checkout has uncommitted changes" \
        "the revision is part of each image: commit or stash them, then verify again"
    [ "$(git rev-parse --is-shallow-repository)" = false ] ||
      die "this checkout is shallow" "fetch the rest first: git fetch --unshallow"
  fi
  need_space /nix 6000 "building the images"
  # Built, then built again and compared bit by bit: a cache's word is not taken for it.
  images=$(nix build --no-link --print-out-paths .#images) || die "the images could not be built; see above"
  nix build --no-link --rebuild .#images ||
    die "a second build on this machine gave other bytes" "nix build .#images --rebuild --keep-failed keeps both"
fi
digests=$images/digests.json
[ -r "$digests" ] || die "there is no digests.json in $images"
[ ${#names[@]} -gt 0 ] || mapfile -t names < <(jq -r '.images | keys[]' "$digests")

# of FILE NAME ARCHITECTURE: the digest of an image's manifest, or nothing.
of() {
  jq -r --arg name "$2" --arg arch "$3" '.images[$name][$arch].manifest // ""' "$1"
}
served() { # NAME ARCHITECTURE
  skopeo inspect --raw "docker://$registry/dragoman-$1:$version" |
    jq -r --arg arch "$2" '.manifests[] | select(.platform.architecture == $arch).digest'
}

differing=0
for name in "${names[@]}"; do
  for arch in $(jq -r --arg name "$name" '.images[$name] // {} | keys[] | select(. != "index")' "$digests"); do
    ours=$(of "$digests" "$name" "$arch")
    if [ -n "$registry" ]; then
      theirs=$(served "$name" "$arch") || die "$registry did not answer for dragoman-$name:$version"
    elif [ -n "$against" ]; then
      theirs=$(of "$against" "$name" "$arch")
    else
      theirs=$ours
    fi
    if [ -z "$theirs" ]; then
      echo "MISSING  $name $arch: built here as $ours, not there" && differing=1
    elif [ "$ours" = "$theirs" ]; then
      echo "same     $name $arch $ours"
    else
      echo "DIFFERS  $name $arch: built here as $ours, there as $theirs" && differing=1
    fi
  done
  jq -e --arg name "$name" '.images[$name]' "$digests" >/dev/null || die "there is no image $name"
done
if [ "$differing" = 1 ]; then
  if [ -n "$against" ]; then
    theirs=$(jq -r .revision "$against")
    ours=$(jq -r .revision "$digests")
    [ "$theirs" = "$ours" ] || die "the digests are of revision $theirs, this checkout is $ours" "git checkout $theirs"
  fi
  die "the images differ"
fi

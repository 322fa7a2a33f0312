# join.sh OUT IMAGES IMAGES: one layout for each image, whose index names the manifest of each architecture.
set -euo pipefail
out=$1
shift

mkdir -p "$out/layouts"
for layout in "$1"/layouts/*; do
  name=$(basename "$layout")
  to=$out/layouts/$name
  mkdir -p "$to/blobs/sha256"
  parts=()
  for images in "$@"; do
    if [ ! -e "$images/layouts/$name/index.json" ]; then
      echo "join: there is no image $name in $images: both directories have to be of one version" >&2
      exit 1
    fi
    cp -n --no-preserve=mode "$images/layouts/$name"/blobs/sha256/* "$to/blobs/sha256/"
    parts+=("$images/layouts/$name/index.json")
  done
  # The parts lose their tags: a tool that is asked for "the image" has to find one.
  jq -sc '{
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.index.v1+json",
    manifests: ([.[].manifests[0] | del(.annotations)] | sort_by(.platform.architecture))
  }' "${parts[@]}" >"$to/index"
  if [ "$(jq '[.manifests[].platform.architecture] | unique | length' "$to/index")" != "$#" ]; then
    echo "join: the directories hold the same architecture twice" >&2
    exit 1
  fi
  digest=$(sha256sum "$to/index" | cut -d' ' -f1)
  size=$(stat -c %s "$to/index")
  mv "$to/index" "$to/blobs/sha256/$digest"
  tag=$(jq -r '.manifests[0].annotations["org.opencontainers.image.ref.name"]' "${parts[0]}")
  jq -nc --arg digest "sha256:$digest" --argjson size "$size" --arg tag "$tag" '{
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.index.v1+json",
    manifests: [{
      mediaType: "application/vnd.oci.image.index.v1+json",
      digest: $digest,
      size: $size,
      annotations: {"org.opencontainers.image.ref.name": $tag}
    }]
  }' >"$to/index.json"
  echo '{"imageLayoutVersion":"1.0.0"}' >"$to/oci-layout"
  jq -nc --arg name "$name" --arg digest "sha256:$digest" '{($name): {index: $digest}}' >>"$out/indices"
done
jq -s --sort-keys --slurpfile first "$1/digests.json" --slurpfile second "${2:-$1}/digests.json" '
  ($first[0] | {version, revision}) + {images: (add * $first[0].images * $second[0].images)}
' "$out/indices" >"$out/digests.json"
rm "$out/indices"

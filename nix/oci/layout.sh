# layout.sh ARCHIVE TAG OUT: an OCI layout with one image out of a docker-archive.
#
# The configuration is taken over byte for byte: it has the health check, which a converter to OCI's own fields would
# lose, and its digest is the image's ID in Docker, however the image came there.
set -euo pipefail
archive=$1 tag=$2 out=$3

unpacked=$(mktemp -d)
tar -xf "$archive" -C "$unpacked"
mkdir -p "$out/blobs/sha256"

# put FILE: stores a file under its digest; prints "<digest> <size>".
put() {
  local digest size
  digest=$(sha256sum "$1" | cut -d' ' -f1)
  size=$(stat -c %s "$1")
  mv "$1" "$out/blobs/sha256/$digest"
  echo "$digest $size"
}

descriptor() { # TYPE DIGEST SIZE
  jq -nc --arg type "$1" --arg digest "sha256:$2" --argjson size "$3" \
    '{mediaType: $type, digest: $digest, size: $size}'
}

layers=()
while IFS= read -r layer; do
  # No name, no time: the compressed bytes follow from the layer's alone.
  gzip -9 -n -c "$unpacked/$layer" >"$unpacked/layer.gz"
  read -r digest size < <(put "$unpacked/layer.gz")
  layers+=("$(descriptor application/vnd.oci.image.layer.v1.tar+gzip "$digest" "$size")")
done < <(jq -r '.[0].Layers[]' "$unpacked/manifest.json")

cp --no-preserve=mode "$unpacked/$(jq -r '.[0].Config' "$unpacked/manifest.json")" "$unpacked/config"
platform=$(jq -c '{architecture, os}' "$unpacked/config")
read -r digest size < <(put "$unpacked/config")
config=$(descriptor application/vnd.oci.image.config.v1+json "$digest" "$size")

printf '%s\n' "${layers[@]}" | jq -sc --argjson config "$config" '{
  schemaVersion: 2,
  mediaType: "application/vnd.oci.image.manifest.v1+json",
  config: $config,
  layers: .
}' >"$unpacked/manifest"
read -r digest size < <(put "$unpacked/manifest")

descriptor application/vnd.oci.image.manifest.v1+json "$digest" "$size" |
  jq -c --argjson platform "$platform" --arg tag "$tag" '{
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.index.v1+json",
    manifests: [. + {platform: $platform, annotations: {"org.opencontainers.image.ref.name": $tag}}]
  }' >"$out/index.json"
echo '{"imageLayoutVersion":"1.0.0"}' >"$out/oci-layout"
rm -rf "$unpacked"

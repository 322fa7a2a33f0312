# digests.sh IMAGES VERSION REVISION: what a second builder compares, as JSON.
set -euo pipefail
images=$1 version=$2 revision=$3

for layout in "$images"/layouts/*; do
  name=$(basename "$layout")
  manifest=$(jq -r '.manifests[0].digest' "$layout/index.json")
  blob=$layout/blobs/sha256/${manifest#sha256:}
  jq -nc --arg name "$name" --arg manifest "$manifest" --slurpfile index "$layout/index.json" --slurpfile blob "$blob" \
    --arg sbom "sha256:$(sha256sum "$images/sbom/$name.spdx.json" | cut -d' ' -f1)" '{
      ($name): {
        ($index[0].manifests[0].platform.architecture): {
          manifest: $manifest,
          config: $blob[0].config.digest,
          compressed: ([$blob[0].layers[].size] | add),
          sbom: $sbom
        }
      }
    }'
done | jq -s --sort-keys --arg version "$version" --arg revision "$revision" \
  '{version: $version, revision: $revision, images: add}'

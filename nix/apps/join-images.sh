# join-images OUT IMAGES IMAGES: what `nix build .#image-index` does, for directories that two machines have built.
[ $# -eq 3 ] || die "expected three directories: where the index goes, and one result of \`nix build .#images\` for each architecture"
[ ! -e "$1" ] || die "$1 exists already"
for directory in "$2" "$3"; do
  [ -r "$directory/digests.json" ] || die "$directory is no result of \`nix build .#images\`: it has no digests.json"
done
bash "$join" "$1.partial" "$2" "$3" || { rm -rf "$1.partial"; exit 1; }
mv "$1.partial" "$1"
jq -r '.images | to_entries[] | "\(.key) \(.value.index)"' "$1/digests.json"

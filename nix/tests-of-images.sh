# tests-of-images.sh ARCHIVE CLOSURE-INFO BUDGET-MB: what every image promises.
set -euo pipefail
archive=$1 closure=$2 budget=$3
fail() {
  echo "$archive: $1" >&2
  exit 1
}

unpacked=$(mktemp -d)
tar -xf "$archive" -C "$unpacked"
config=$unpacked/$(jq -r '.[0].Config' "$unpacked/manifest.json")
is() { jq -e "$1" "$config" >/dev/null || fail "expected $1"; }

is '.config.User == "65532:65532"'
is '.config.Healthcheck.Test[0] == "CMD"'
is '.config.Entrypoint[0] | startswith("/bin/dragoman-")'
is '.config.Volumes["/tmp"] == {}'
is '.config.Env | any(startswith("SSL_CERT_FILE="))'
is '.created | startswith("1970-01-01T00:00:01")'
for label in title description source version revision licenses; do
  is ".config.Labels[\"org.opencontainers.image.$label\"] | length > 0"
done
# A secret has no place among the variables, not even an empty one: it would hide what is missing.
is '.config.Env | all(test("(KEY|PASS|SECRET|TOKEN)(_FILE)?="; "i") | not)'

jq -r '.[0].Layers[]' "$unpacked/manifest.json" | while IFS= read -r layer; do
  tar -tvf "$unpacked/$layer" --numeric-owner
done >"$unpacked/files"
for shell in sh bash dash busybox; do
  ! grep -qE "(^|[ /])bin/$shell( ->|\$)" "$unpacked/files" || fail "there is a shell: $shell"
done
grep -qE '^d[rwx]{8}t .* (\./)?tmp/$' "$unpacked/files" || fail "/tmp is not there for everybody"
! grep -qiE '\.(pem|key|p12|env)$' <(grep -v 'ca-bundle\|ca-certificates\|/etc/ssl/' "$unpacked/files") ||
  fail "there is a file that looks like a secret"

# Shapes of crates/xtask/src/secrets.rs, without private keys: GnuTLS carries some to test itself with.
shapes='(AKIA|ASIA)[0-9A-Z]{16}|gh[opsur]_[A-Za-z0-9]{36}'
shapes="$shapes"'|hf_[A-Za-z0-9]{34}|rpa_[A-Za-z0-9]{32}|dckr_pat_[A-Za-z0-9_-]{24}|sk-(ant|proj)-[A-Za-z0-9_-]{40}'
jq -r '.[0].Layers[]' "$unpacked/manifest.json" | while IFS= read -r layer; do
  ! LC_ALL=C grep -qaE "(^|[^A-Za-z0-9_-])($shapes)" "$unpacked/$layer" || fail "$layer holds what looks like a secret"
done

while IFS= read -r path; do
  case ${path#/nix/store/*-} in
    rustc-* | cargo-* | rust-default-* | clippy-* | gcc-wrapper-* | clang-* | llvm-* | binutils-* | bash-* | *-dev | cudatoolkit-*)
      fail "its closure holds $path" ;;
  esac
done <"$closure/store-paths"
megabytes=$(($(cat "$closure/total-nar-size") / 1000000))
echo "$archive: $megabytes MB of $budget"
[ "$megabytes" -le "$budget" ] || fail "$megabytes MB, which is over its budget of $budget MB"
rm -rf "$unpacked"

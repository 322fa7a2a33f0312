# doctor: found, needed, how to get it. Exit 1 when something is missing without which no image can be built.
bad=0
row() { printf '  %-8s %-22s %s\n' "$1" "$2" "$3"; }
missing() {
  row MISSING "$1" "$2"
  bad=1
}

echo "Building"
system=$(nix eval --raw --impure --expr builtins.currentSystem 2>/dev/null || true)
case $system in
  x86_64-linux | aarch64-linux) row ok system "$system" ;;
  x86_64-darwin | aarch64-darwin) row ok system "$system: shell, demo and tools; images through a Linux builder" ;;
  '') missing nix "not on the PATH, or without nix-command: https://nixos.org/download" ;;
  *) missing system "$system: Dragoman is built on Linux and macOS, on x86_64 and aarch64" ;;
esac
found=$(nix --version 2>/dev/null | awk '{ print $NF }')
if [ -n "$found" ]; then
  if printf '2.31.2\n%s\n' "$found" | sort -V -C; then
    row ok "nix >= 2.31.2" "$found"
  else
    row old "nix >= 2.31.2" "$found; crane asks for 2.31.2, older ones were seen to work"
  fi
fi

# other: the systems that this machine can build for beside its own.
others() {
  nix config show extra-platforms 2>/dev/null || nix show-config 2>/dev/null | awk '$1 == "extra-platforms" { $1 = $2 = ""; print }'
  builders=$(nix config show builders 2>/dev/null || nix show-config 2>/dev/null | awk '$1 == "builders" { print $3 }')
  case $builders in
    @*) [ -r "${builders#@}" ] && awk '{ print $2 }' "${builders#@}" ;;
    *) echo "$builders" | awk '{ print $2 }' ;;
  esac
}
for linux in x86_64-linux aarch64-linux; do
  if [ "$system" = "$linux" ]; then
    row ok "images, $linux" "this machine"
  elif others | tr ',; ' '\n' | grep -qx "$linux"; then
    row ok "images, $linux" "a builder, or emulation"
  else
    row absent "images, $linux" \
      "no builder: image-index needs one. builders = ssh://HOST $linux in nix.conf, or join-images with HOST's result"
  fi
done
if [ -d /nix ]; then
  free=$(df -Pk /nix | awk 'NR == 2 { print int($4 / 1024) }')
  if [ "$free" -ge 6000 ]; then row ok "disk for /nix" "$free MB"; else missing "disk for /nix" "$free MB of 6000"; fi
fi

echo "Running the images"
for engine in docker podman; do
  if ! command -v "$engine" >/dev/null; then
    row absent "$engine" "not on the PATH"
  elif "$engine" info >/dev/null 2>&1; then
    row ok "$engine" "answers"
    if "$engine" compose version >/dev/null 2>&1; then
      row ok "$engine compose" "$("$engine" compose version --short 2>/dev/null)"
    else
      row absent "$engine compose" "needed for nix run .#up: https://docs.docker.com/compose/install"
    fi
  else
    row absent "$engine" "does not answer: start it, or let your user talk to it (group docker)"
  fi
done
free=$(awk '$1 == "MemAvailable:" { print int($2 / 1024) }' /proc/meminfo 2>/dev/null || true)
if [ -z "$free" ]; then
  row absent memory "the system does not say; the stack takes 500 MB without models"
elif [ "$free" -ge 500 ]; then
  row ok memory "$free MB free of 500 that the stack takes without models"
else
  row absent memory "$free MB free; the stack takes 500 MB without models"
fi
if command -v nvidia-smi >/dev/null && gpu=$(nvidia-smi --query-gpu=name,memory.total --format=csv,noheader 2>/dev/null); then
  row ok gpu "$gpu"
else
  row absent gpu "no nvidia-smi that answers; only the mode gpu needs it"
fi
echo "  for a mode, with ports, images, models and speech hosts: cargo xtask doctor --mode cpu|gpu|split"
if [ -e /dev/kvm ]; then row ok kvm "/dev/kvm"; else row absent kvm "the VM tests need it, nothing else does"; fi
exit $bad

# die WHAT WHAT-TO-DO: ends, with both.
die() {
  echo "error: $1" >&2
  shift
  for line in "$@"; do echo "  $line" >&2; done
  exit 1
}

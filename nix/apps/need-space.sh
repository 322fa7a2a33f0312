# need_space DIRECTORY MEGABYTES WHAT: ends when there is less.
need_space() {
  local free
  free=$(df -Pk "$1" 2>/dev/null | awk 'NR == 2 { print int($4 / 1024) }')
  [ -z "$free" ] || [ "$free" -ge "$2" ] ||
    die "$3 needs $2 MB in $1, which has $free MB left" "free some: docker image prune, nix-collect-garbage"
}

# up [ARGUMENT...]: this version's images into Docker, then `docker compose up` with them and ARGUMENT..., in this checkout.
# `.env` here is read; --detach and the like are compose's own.
[ -e compose.yaml ] || die "there is no compose.yaml here" "run it in a checkout of Dragoman"
command -v docker >/dev/null || die "there is no docker on the PATH" \
  "install Docker Engine or Docker Desktop (https://docs.docker.com/get-started/get-docker)"
docker compose version >/dev/null 2>&1 || die "docker has no compose" \
  "install its plugin (https://docs.docker.com/compose/install)"
DOCKER=docker "$load"
# What was loaded now, whatever .env names.
export IMAGE_PREFIX='' IMAGE_TAG="$version"
exec docker compose up "$@"

#!/bin/sh
# Start an image as the manifests do: not as root, without capabilities, with a root that cannot be written.
set -eu

image="$1"
name="steersman-try-$$"
trap 'docker rm --force "$name" >/dev/null 2>&1 || true' EXIT
docker run --detach --name "$name" --read-only --cap-drop ALL --security-opt no-new-privileges \
    --tmpfs /tmp --volume /data --publish 127.0.0.1::7600 "$image" >/dev/null
[ "$(docker inspect --format '{{.Config.User}}' "$image")" = "10001:10001" ]
address="$(docker port "$name" 7600/tcp | head -n 1)"
seconds=0
until curl --silent --fail "http://$address/readyz" >/dev/null; do
    seconds=$((seconds + 1))
    [ "$seconds" -lt 30 ] || { docker logs "$name" >&2; exit 1; }
    sleep 1
done
echo "ready after $seconds s"

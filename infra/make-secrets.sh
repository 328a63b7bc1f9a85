#!/bin/sh
# Creates the missing secrets of docker-compose.yml in ./secrets next to it. Never changes an existing one.
set -eu
umask 022
cd "$(dirname "$0")/.."
mkdir -p secrets
# Other users of this machine have no access. The files themselves must be readable for the users of containers.
chmod 700 secrets
for name in cluster-secret redis-password s3-secret-key s3-root-password grafana-password; do
  [ -s "secrets/$name" ] || head -c 32 /dev/urandom | od -An -vtx1 | tr -d ' \n' >"secrets/$name"
done

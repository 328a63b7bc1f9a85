// The files that packages may contain. A line has a mode and a glob pattern. Each line must match a file, and each file a
// line. Directories with mode 755 need no line.

/** Files of the npm package, which all packages have. */
const application = [
  '755 launch/packed.mjs',
  '644 launch/{end-with-launcher,pinned-node,start}.mjs',
  '644 lib/{main,hash-thread}.js',
  // Names end with a hash of the content.
  '644 lib/*-????????.js',
  '644 lib/scripts/*.lua',
  '644 lib/page/*.{css,html,js,svg}',
  '644 lib/page/{pages,parts}/*.js',
  '644 lib/page/vendor/lit-html.js',
  '644 {CHANGELOG,README}.md',
  '644 LICENSE',
  '644 THIRD-PARTY-LICENSES.txt',
  '644 package.json',
];

/** Files of the image and the Debian package that the npm package gets from its dependencies. */
const standalone = [
  ...application,
  '755 bin/node',
  '644 node_modules/bcrypt/{bcrypt,promises}.js',
  '644 node_modules/bcrypt/prebuilds/linux-*/bcrypt.glibc.node',
  '644 node_modules/node-gyp-build/{index,node-gyp-build}.js',
  '644 node_modules/{bcrypt,node-gyp-build}/{LICENSE,package.json}',
].map((line) => line.replace(' ', ' usr/lib/cistern/'));

export const contents = {
  npm: application.map((line) => line.replace(' ', ' package/')),
  debian: [
    ...standalone,
    '755 usr/bin/cistern',
    '644 etc/cistern/config.yml',
    '644 usr/lib/systemd/system/cistern{,@}.service',
    '644 usr/share/doc/cistern/*.md',
    '644 usr/share/doc/cistern/console.png',
    '644 usr/share/doc/cistern/{copyright,node-copyright,changelog.gz,sbom.cdx.json}',
    '644 usr/share/lintian/overrides/cistern',
    '644 usr/share/man/man1/cistern.1.gz',
  ],
  image: [
    ...standalone,
    '777 {bin,lib,lib64}',
    '755 usr/bin/{cat,cistern,tini}',
    '777 usr/bin/registry',
    '644 etc/{group,nsswitch.conf,passwd}',
    '644 etc/docker/registry/config.yml',
    '777 etc/distribution/config.yml',
    '777 etc/os-release',
    '644 usr/lib/os-release',
    '755 usr/lib/*-linux-gnu/ld-linux-*.so.?',
    '755 usr/lib/*-linux-gnu/libc.so.6',
    '644 usr/lib/*-linux-gnu/lib{dl,m,pthread,resolv}.so.?',
    '644 usr/lib/*-linux-gnu/lib{atomic,gcc_s}.so.?*',
    '644 usr/lib/*-linux-gnu/libstdc++.so.6.*',
    '777 usr/lib/*-linux-gnu/lib{atomic,stdc++}.so.?',
    '777 usr/lib64/ld-linux-*.so.?',
    '644 usr/share/doc/*/copyright',
    '644 usr/share/doc/cistern/sbom.cdx.json',
    '644 var/lib/dpkg/status.d/*',
    // Any user may write there: a volume and a container may belong to any.
    '1777 tmp',
    '1777 var/lib/{cistern,registry}',
  ],
} as const;

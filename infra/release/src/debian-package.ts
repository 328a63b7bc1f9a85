// The Debian package: Cistern with its own Node, and services for systemd.
import { chmod, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type Application, home, installedFiles } from './application.ts';
import { fileOf, filesBelow, type PackedFile } from './files.ts';
import type { NodeBinary } from './node-binary.ts';
import type { Platform } from './platforms.ts';
import { run } from './run.ts';

const documents = 'usr/share/doc/cistern';
const configuration = 'etc/cistern/config.yml';

/** Libraries that Node needs, with the oldest version that has all its symbols. */
const dependencies = ['libatomic1', 'libc6 (>= 2.28)', 'libgcc-s1', 'libstdc++6 (>= 12)', 'passwd'];

export interface DebianPackageOptions {
  readonly platform: Platform;
  readonly node: NodeBinary;
  readonly sbom: string;
  readonly madeAt: Date;
  /** The field `Maintainer`, as `name <address>`. */
  readonly maintainer: string;
}

/** Writes the package to the file `to`. `scratch` is a new directory. Needs `dpkg-deb`, but no root. */
export async function writeDebianPackage(
  root: string,
  application: Application,
  options: DebianPackageOptions,
  scratch: string,
  to: string,
): Promise<void> {
  const { platform, node, sbom, madeAt, maintainer } = options;
  const source = (name: string) => readFile(join(root, 'infra/debian', name));
  const files: PackedFile[] = [
    ...(await installedFiles(root, application, platform)),
    fileOf(`${home}/bin/node`, node.binary, 0o755),
    fileOf('usr/bin/cistern', await source('cistern'), 0o755),
    fileOf(configuration, await source('config.yml')),
    ...(await Promise.all(
      ['cistern.service', 'cistern@.service'].map(async (unit) =>
        fileOf(`usr/lib/systemd/system/${unit}`, await source(unit)),
      ),
    )),
    ...(await filesBelow(join(root, 'docs'), documents)).filter(({ path }) =>
      /^[^/]+\.(md|png)$/.test(path.slice(documents.length + 1)),
    ),
    fileOf(`${documents}/copyright`, await source('copyright')),
    fileOf(`${documents}/changelog.gz`, compress(changelog(application.version, maintainer, madeAt))),
    fileOf('usr/share/man/man1/cistern.1.gz', compress(await source('cistern.1'))),
    fileOf('usr/share/lintian/overrides/cistern', await source('lintian-overrides')),
    fileOf(`${documents}/node-copyright`, node.licence),
    fileOf(`${documents}/sbom.cdx.json`, sbom),
  ];
  const bytes = files.reduce((sum, { content }) => sum + (Buffer.isBuffer(content) ? content.length : 0), 0);
  const control = [
    'Package: cistern',
    `Version: ${application.version}`,
    `Architecture: ${platform.architecture}`,
    `Maintainer: ${maintainer}`,
    `Installed-Size: ${Math.ceil(bytes / 1024)}`,
    `Depends: ${dependencies.join(', ')}`,
    'Section: net',
    'Priority: optional',
    'Description: pull-through cache for container images',
    ' Cistern pulls each image once from its registry and serves it from then on.',
    ' It can replace registry:2, and scales to a cluster with Redis and S3.',
    '',
  ].join('\n');
  const scripts = await Promise.all(
    ['postinst', 'prerm', 'postrm'].map(async (name) => fileOf(`DEBIAN/${name}`, await source(name), 0o755)),
  );
  await writeFiles(
    [...files, ...scripts, fileOf('DEBIAN/control', control), fileOf('DEBIAN/conffiles', `/${configuration}\n`)],
    scratch,
  );
  // dpkg-deb sets no time later than this one. All files are newer, so all have this time.
  const env = { SOURCE_DATE_EPOCH: String(madeAt.getTime() / 1000) };
  await run('dpkg-deb', ['--root-owner-group', '-Zzstd', '-z12', '--threads-max=1', '--build', scratch, to], { env });
}

/** Returns Debian's changelog, which only names this release. CHANGELOG.md has the changes. */
export function changelog(version: string, maintainer: string, madeAt: Date): string {
  const time = madeAt.toUTCString().replace('GMT', '+0000');
  return `cistern (${version}) stable; urgency=medium\n\n  * /usr/lib/cistern/CHANGELOG.md lists the changes.\n\n -- ${maintainer}  ${time}\n`;
}

/** Adds neither a name nor a time, so that the bytes are always the same. */
function compress(content: Buffer | string): Buffer {
  return gzipSync(content, { level: 9 });
}

async function writeFiles(files: readonly PackedFile[], directory: string): Promise<void> {
  for (const { path, mode, content } of files) {
    const file = join(directory, path);
    await mkdir(dirname(file), { recursive: true, mode: 0o755 });
    if (content === undefined) await mkdir(file, { recursive: true, mode });
    else if (!Buffer.isBuffer(content)) await symlink(content.target, file);
    else {
      await writeFile(file, content);
      await chmod(file, mode);
    }
  }
}

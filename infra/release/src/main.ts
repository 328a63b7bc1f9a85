// `npm run release`: builds everything that users install, in a directory that has nothing else. The same commit gives the
// same bytes. `--image-root` only writes the files of one image, for infra/docker/Dockerfile.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { type Application, buildApplication } from './application.ts';
import { checksums } from './checksums.ts';
import { writeDebianPackage } from './debian-package.ts';
import { readDebianFiles } from './debian-files.ts';
import { filesBelow } from './files.ts';
import { collectImage, configureImage, type ImageParts } from './image.ts';
import { describeMaterials } from './materials.ts';
import { readNodeBinary } from './node-binary.ts';
import { writeOciArchive } from './oci-archive.ts';
import { type Platform, platformOf, platforms } from './platforms.ts';
import { releaseNotes } from './release-notes.ts';
import { run } from './run.ts';
import { writeTar } from './write-tar.ts';

const root = resolve(import.meta.dirname, '../../..');
const { env } = process;
/** Names of places that belong to the publisher of the release. */
const names = {
  npm: env['CISTERN_NPM_PACKAGE'] || 'cistern',
  source: env['CISTERN_SOURCE_URL'] || undefined,
  maintainer: env['CISTERN_MAINTAINER'] || 'The maintainers of Cistern <cistern@localhost>',
};
const startedMs = performance.now();
// Directories of packages get these modes on every machine.
process.umask(0o022);

const { values } = parseArgs({
  options: {
    output: { type: 'string', default: 'dist' },
    architecture: { type: 'string', multiple: true },
    'image-root': { type: 'string' },
  },
});
const chosen = values.architecture?.map(platformOf) ?? platforms;
const scratch = await mkdtemp(join(tmpdir(), 'cistern-release-'));
try {
  if (values['image-root'] === undefined) await release(resolve(root, values.output));
  else await writeImageRoot(resolve(values['image-root']), chosen[0]!);
} catch (error) {
  process.stderr.write(`release: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
} finally {
  await rm(scratch, { recursive: true });
}

async function release(output: string): Promise<void> {
  const { madeAt, revision } = await readCommit();
  const application = await build();
  const { version } = application;
  const notes = releaseNotes(await readFile(join(root, 'CHANGELOG.md'), 'utf8'), version);
  await rm(output, { recursive: true, force: true });
  await mkdir(output, { recursive: true });
  const to = (name: string) => join(output, name);

  report('npm package');
  // `npm pack` would compress with the zlib of the machine's Node.
  const packed = await writeTar(await filesBelow(application.directory, 'package'), madeAt);
  await writeFile(to(`cistern-${version}.tgz`), gzipSync(packed, { level: 9 }));
  await Promise.all(
    chosen.map(async (platform) => {
      const { architecture } = platform;
      const parts = await readParts(application, platform);
      report(`image for ${architecture}`);
      const { base, application: own } = await collectImage(root, parts);
      const layers = [await writeTar(base, madeAt), await writeTar(own, madeAt)];
      const config = configureImage(version, revision, names.source);
      const reference = `cistern:${version}`;
      await writeFile(
        to(`cistern-${version}-image-${architecture}.tar`),
        await writeOciArchive(layers, { reference, platform, config, madeAt }),
      );
      report(`Debian package for ${architecture}`);
      const sbom = describeMaterials(application.materials, { node: parts.node.version });
      const options = { platform, node: parts.node, sbom, madeAt, maintainer: names.maintainer };
      await writeDebianPackage(
        root,
        application,
        options,
        join(scratch, `deb-${architecture}`),
        to(`cistern_${version}_${architecture}.deb`),
      );
    }),
  );
  await writeFile(to(`cistern-${version}.cdx.json`), describeMaterials(application.materials, {}));
  await writeFile(to(`cistern-${version}-notes.md`), notes);
  await writeFile(to('SHA256SUMS'), await checksums(output));
  process.stdout.write(await readFile(to('SHA256SUMS'), 'utf8'));
  report(`done: ${output}`);
}

async function writeImageRoot(output: string, platform: Platform): Promise<void> {
  const madeAt = new Date(Number(env['SOURCE_DATE_EPOCH'] || 0) * 1000);
  const { base, application } = await collectImage(root, await readParts(await build(), platform));
  await writeFile(output, await writeTar([...base, ...application], madeAt));
}

async function build(): Promise<Application> {
  report('bundle');
  return buildApplication(root, join(scratch, 'application'), names.npm);
}

async function readParts(application: Application, platform: Platform): Promise<ImageParts> {
  report(`Node and Debian's libraries for ${platform.architecture}`);
  const [debian, node] = await Promise.all([
    readDebianFiles(platform, join(scratch, `debian-${platform.architecture}`)),
    readNodeBinary(root, platform, join(scratch, `node-${platform.architecture}`)),
  ]);
  return { application, platform, debian, node };
}

/** Rejects if the work tree has changes, because then no commit has the sources of the release. */
async function readCommit(): Promise<{ readonly madeAt: Date; readonly revision: string }> {
  const changed = (await run('git', ['status', '--porcelain', '--untracked-files=all'], { cwd: root })).trim();
  if (changed !== '') throw new Error(`the work tree has changes. Commit or stash them first:\n${changed}`);
  const [revision = '', seconds = ''] = (
    await run('git', ['log', '-1', '--no-show-signature', '--format=%H %ct'], { cwd: root })
  )
    .trim()
    .split(' ');
  return { madeAt: new Date(Number(seconds) * 1000), revision };
}

function report(step: string): void {
  process.stderr.write(`${((performance.now() - startedMs) / 1000).toFixed(0).padStart(3)} s  ${step}\n`);
}

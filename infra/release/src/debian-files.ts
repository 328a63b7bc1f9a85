// Takes the few files that an image needs from Debian's packages. The packages come from the apt sources of this machine,
// so this machine must be Debian 13. They are for the image's platform, which may differ from this machine's.
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { spawn } from 'node:child_process';
import { extract } from 'tar-stream';
import { buffer } from 'node:stream/consumers';
import { fileOf, type PackedFile } from './files.ts';
import type { Platform } from './platforms.ts';
import { run } from './run.ts';

/** Debian's packages, and the files of each that Node and an image need. */
const wanted: Readonly<Record<string, RegExp>> = {
  'base-files': /^(usr\/lib|etc)\/os-release$/,
  // The documented recipes of registry:2 print the configuration with it.
  coreutils: /^usr\/bin\/cat$/,
  'gcc-14-base': /^$/,
  libatomic1: /^usr\/lib\/[^/]+\/libatomic\.so\./,
  libc6: /^usr\/lib(64)?\/([^/]+\/)?(ld-linux[^/]*|lib(c|dl|m|pthread|resolv)\.so\.\d+)$/,
  'libgcc-s1': /^usr\/lib\/[^/]+\/libgcc_s\.so\./,
  'libstdc++6': /^usr\/lib\/[^/]+\/libstdc\+\+\.so\./,
  tini: /^usr\/bin\/tini$/,
};

export interface DebianPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
}

export interface DebianFiles {
  readonly files: readonly PackedFile[];
  readonly packages: readonly DebianPackage[];
}

/** Downloads to `directory`, which is created. Rejects if this machine has no apt, or if a package is missing. */
export async function readDebianFiles(platform: Platform, directory: string): Promise<DebianFiles> {
  await requireDebian13();
  const archives = await download(platform, directory);
  const read = await Promise.all(archives.map(readPackage));
  const found = new Set(read.map(({ name }) => name));
  const missing = Object.keys(wanted).filter((name) => !found.has(name));
  if (missing.length > 0) throw new Error(`Debian's packages ${missing.join(', ')} could not be downloaded.`);
  return {
    packages: read.map(({ name, version, architecture }) => ({ name, version, architecture })),
    files: read.flatMap(({ files }) => files),
  };
}

/** The libraries of another release or of Ubuntu would have other names and versions than the image describes. */
async function requireDebian13(): Promise<void> {
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  if (!/^ID=debian$/m.test(release) || !/^VERSION_ID="13"$/m.test(release))
    throw new Error('the image contains libraries of Debian 13. Run the release there, for example in its container.');
}

/** Uses lists and caches of its own, so that it needs no root and does not change this machine. */
async function download({ architecture }: Platform, directory: string): Promise<string[]> {
  const [state, cache, archives] = ['state', 'cache', 'archives'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  for (const path of [join(state, 'lists/partial'), join(cache, 'archives/partial'), archives])
    await mkdir(path, { recursive: true });
  await writeFile(join(state, 'status'), '');
  const settings = [
    `Dir::State=${state}`,
    `Dir::State::status=${join(state, 'status')}`,
    `Dir::Cache=${cache}`,
    `APT::Architecture=${architecture}`,
    `APT::Architectures=${architecture}`,
    'Acquire::Languages=none',
    'APT::Sandbox::User=root',
  ].flatMap((setting) => ['-o', setting]);
  await run('apt-get', [...settings, '--quiet', 'update']);
  await run('apt-get', [...settings, '--quiet', 'download', ...Object.keys(wanted)], { cwd: archives });
  const names = await readdir(archives);
  return names
    .filter((name) => name.endsWith('.deb'))
    .toSorted()
    .map((name) => join(archives, name));
}

interface ReadPackage extends DebianPackage {
  readonly files: readonly PackedFile[];
}

async function readPackage(archive: string): Promise<ReadPackage> {
  const control = await run('dpkg-deb', ['--field', archive]);
  const field = (key: string) => new RegExp(`^${key}: (.*)$`, 'm').exec(control)?.[1] ?? '';
  const [name, version, architecture] = [field('Package'), field('Version'), field('Architecture')];
  const licence = `usr/share/doc/${name}/copyright`;
  const files = await readArchive(archive, (path) => path === licence || wanted[name]?.test(path) === true);
  // Scanners for vulnerabilities find the packages of an image without dpkg there.
  return { name, version, architecture, files: [...files, fileOf(`var/lib/dpkg/status.d/${name}`, control)] };
}

async function readArchive(archive: string, isWanted: (path: string) => boolean): Promise<PackedFile[]> {
  const dpkg = spawn('dpkg-deb', ['--fsys-tarfile', archive], { stdio: ['ignore', 'pipe', 'inherit'] });
  const files: PackedFile[] = [];
  const entries = extract();
  const reading = (async () => {
    for await (const entry of entries) {
      const { name, type, mode, linkname } = entry.header;
      const path = name.replace(/^\.\//, '');
      const content = await buffer(entry);
      if (!isWanted(path)) continue;
      if (type === 'file') files.push(fileOf(path, content, mode));
      else if (type === 'symlink') files.push({ path, mode: 0o777, content: { target: linkname ?? '' } });
    }
  })();
  await Promise.all([pipeline(dpkg.stdout, entries), reading]);
  return files;
}

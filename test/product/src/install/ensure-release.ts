// Makes releases of HEAD. A release demands a work tree without changes, so it runs in a clone of its own.
import { execFile } from 'node:child_process';
import { access, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ensureDebianPackages } from '@cistern/test-servers';

const run = promisify(execFile);
const kept = join(tmpdir(), 'cistern-test-releases');
/** Tools of the release. One of them is for the architecture that this machine does not have. */
const packages = ['binutils', `binutils-${process.arch === 'x64' ? 'aarch64' : 'x86-64'}-linux-gnu`, 'git'];

export const repository = fileURLToPath(new URL('../../../..', import.meta.url));
/** This machine's architecture, as in the names of Debian packages and images. */
export const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
/** The beginning of the names of all directories in which a release is made. */
export const buildDirectory = 'cistern-release-';

/** Resolves to a new directory with the files of a release, which the caller removes. */
export async function makeRelease(): Promise<string> {
  await ensureDebianPackages(packages);
  const output = await mkdtemp(join(tmpdir(), 'cistern-dist-'));
  const clone = await mkdtemp(join(tmpdir(), `${buildDirectory}clone-`));
  try {
    await cloneHead(clone);
    // A copy, because linked packages of the workspace would be those of the developer's work tree.
    await run('cp', ['--archive', join(repository, 'node_modules'), clone]);
    await run(process.execPath, ['infra/release/src/main.ts', '--output', output], { cwd: clone, env: environment() });
    return output;
  } catch (error) {
    await rm(output, { recursive: true });
    throw error;
  } finally {
    await rm(clone, { recursive: true });
  }
}

/** Clones the commit HEAD, without its history, to the new or empty directory `to`. */
export async function cloneHead(to: string): Promise<void> {
  await run('git', ['clone', '--quiet', '--depth', '1', `file://${repository}`, to]);
}

/** Returns a directory with a release of HEAD, which is kept from run to run. */
async function ensureRelease(): Promise<string> {
  const directory = await directoryOfHead();
  const isThere = await access(directory).then(
    () => true,
    () => false,
  );
  if (!isThere) await keepRelease(await makeRelease());
  return directory;
}

/** Moves the release `made` to the place where `ensureRelease` finds it. Removes releases of other commits. */
export async function keepRelease(made: string): Promise<void> {
  const directory = await directoryOfHead();
  await mkdir(kept, { recursive: true });
  for (const other of await readdir(kept)) await rm(join(kept, other), { recursive: true });
  await rename(made, directory);
}

/** Returns the path of the only file whose name matches `pattern` in a release of HEAD. The caller only reads it. */
export async function fileOfRelease(pattern: RegExp): Promise<string> {
  const directory = await ensureRelease();
  const found = (await readdir(directory)).filter((name) => pattern.test(name));
  if (found.length !== 1) throw new Error(`${found.length} files of the release match ${pattern}.`);
  return join(directory, found[0]!);
}

async function directoryOfHead(): Promise<string> {
  return join(kept, (await run('git', ['rev-parse', 'HEAD'], { cwd: repository })).stdout.trim());
}

/** Variables of publishers change the bytes of a release. */
function environment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(CISTERN|NODE_TEST)_/.test(name)));
}

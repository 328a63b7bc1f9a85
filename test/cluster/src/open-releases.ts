// The last published release, and the one that `npm run release` packs from these sources, each in a directory as npm
// installs it.
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { buildApplication } from '@cistern/release/application';
import type { Owner } from '@cistern/single-node/open-stage';
import { guardDirectory } from '@cistern/test-servers';

export interface Releases {
  /** Directories for `ClusterOptions.product`. */
  readonly published: string;
  readonly next: string;
}

const root = resolve(import.meta.dirname, '../../..');
const archives = join(root, 'test/cluster/releases');

/** Takes three seconds of CPU time. The directories are removed with `owner`. */
export async function openReleases(owner: Owner): Promise<Releases> {
  const directory = await mkdtemp(join(tmpdir(), 'cistern-releases-'));
  const guard = guardDirectory(directory);
  owner.after(async () => {
    await rm(directory, { recursive: true });
    guard.dismiss();
  });
  const [published, next] = [join(directory, 'published'), join(directory, 'next')];
  await Promise.all([unpack(published), buildApplication(root, next, 'cistern')]);
  for (const product of [published, next]) await linkDependencies(product);
  return { published, next };
}

async function unpack(to: string): Promise<void> {
  const [archive, ...others] = (await readdir(archives)).filter((name) => name.endsWith('.tgz'));
  if (archive === undefined || others.length > 0) throw new Error(`Keep exactly one release in ${archives}.`);
  await mkdir(to);
  await promisify(execFile)('tar', ['-xzf', join(archives, archive), '-C', to, '--strip-components=1']);
}

/** Links only the packages that the release names, so a package that is missing in the bundle is noticed. */
async function linkDependencies(product: string): Promise<void> {
  const { dependencies } = JSON.parse(await readFile(join(product, 'package.json'), 'utf8')) as {
    readonly dependencies: Readonly<Record<string, string>>;
  };
  await mkdir(join(product, 'node_modules'));
  for (const name of Object.keys(dependencies))
    await symlink(join(root, 'node_modules', name), join(product, 'node_modules', name));
}

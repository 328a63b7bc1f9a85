// The pinned Node of a platform, without symbols.
import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Platform } from './platforms.ts';
import { run } from './run.ts';

export interface NodeBinary {
  readonly version: string;
  readonly binary: Buffer;
  readonly licence: Buffer;
}

/**
 * Downloads Node's npm package to `directory`, which is created, and verifies it with package-lock.json. Rejects if
 * binutils for the platform are not installed.
 */
export async function readNodeBinary(root: string, { cpu, triplet }: Platform, directory: string): Promise<NodeBinary> {
  const name = `node-linux-${cpu}`;
  const { version, integrity } = await lockedPackage(root, name);
  await mkdir(directory, { recursive: true });
  await run('npm', ['pack', '--silent', '--pack-destination', directory, `${name}@${version}`], { cwd: root });
  const archive = join(directory, `${name}-${version}.tgz`);
  const hash = createHash('sha512')
    .update(await readFile(archive))
    .digest('base64');
  if (integrity !== `sha512-${hash}`)
    throw new Error(`${name} ${version} does not have the hash in package-lock.json.`);
  await run('tar', ['--extract', '--gzip', '--file', archive, '--directory', directory]);
  const binary = join(directory, 'package/bin/node');
  await run(`${triplet}-strip`, ['--strip-unneeded', binary]);
  return { version, binary: await readFile(binary), licence: await readFile(join(directory, 'package/LICENSE')) };
}

async function lockedPackage(
  root: string,
  name: string,
): Promise<{ readonly version: string; readonly integrity: string }> {
  const { packages } = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, { readonly version: string; readonly integrity: string }>>;
  };
  const found = packages[`node_modules/${name}`];
  if (found === undefined) throw new Error(`package-lock.json has no ${name}.`);
  return found;
}

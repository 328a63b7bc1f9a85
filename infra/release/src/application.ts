// The files of Cistern itself, which are the same in every package of a release: the launcher, the bundle, licences.
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bundle, nativePackages } from './bundle.ts';
import { filesBelow, type PackedFile } from './files.ts';
import { listLicences } from './licences.ts';
import type { Platform } from './platforms.ts';
import { type Bom, listMaterials } from './materials.ts';

export interface Application {
  /** A directory that is also the content of the npm package. */
  readonly directory: string;
  readonly version: string;
  /** Its own packages and the npm packages in it. */
  readonly materials: Bom;
}

interface Manifest {
  readonly version: string;
  readonly description: string;
  readonly license: string;
  readonly engines: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
}

/** Where an image and a Debian package have Cistern and its Node. */
export const home = 'usr/lib/cistern';

/** Packages that find the native code of another one. */
const helpersOfNativePackages = ['node-gyp-build'];

const launcher = ['packed.mjs', 'start.mjs', 'pinned-node.mjs', 'end-with-launcher.mjs'];

/** Writes the files to `directory`, which is created. `name` is the name of the npm package. */
export async function buildApplication(root: string, directory: string, name: string): Promise<Application> {
  await mkdir(join(directory, 'launch'), { recursive: true });
  const bundled = await bundle(root, join(directory, 'lib'));
  const packages = [...bundled, 'node_modules/lit-html'].toSorted();
  for (const file of launcher) await cp(join(root, 'services/cli/launch', file), join(directory, 'launch', file));
  for (const file of ['LICENSE', 'README.md', 'CHANGELOG.md']) await cp(join(root, file), join(directory, file));
  await writeFile(join(directory, 'THIRD-PARTY-LICENSES.txt'), await listLicences(root, packages));
  const { version, description, license, engines, optionalDependencies } = await readJson<Manifest>(
    join(root, 'package.json'),
  );
  const manifest = {
    name,
    version,
    description,
    license,
    type: 'module',
    bin: { cistern: 'launch/packed.mjs' },
    engines,
    dependencies: await versionsOf(root, nativePackages),
    optionalDependencies,
  };
  await writeFile(join(directory, 'package.json'), `${JSON.stringify(manifest, undefined, 2)}\n`);
  const native = [...nativePackages, ...helpersOfNativePackages].map((each) => `node_modules/${each}`);
  return { directory, version, materials: await listMaterials(root, [...packages, ...native]) };
}

/** Returns Cistern's files for one platform as an image and a Debian package have them, without Node. */
export async function installedFiles(root: string, { directory }: Application, platform: Platform) {
  const native = await nativeFiles(root, platform);
  return [...(await filesBelow(directory, home)), ...native.map((file) => ({ ...file, path: `${home}/${file.path}` }))];
}

/** Returns the files of the packages with native code, for one platform, below `node_modules`. */
async function nativeFiles(root: string, { cpu }: Platform): Promise<PackedFile[]> {
  const code = '(index|bcrypt|promises|node-gyp-build)\\.js';
  const kept = new RegExp(`^node_modules/[^/]+/(${code}|package\\.json|LICENSE|prebuilds/linux-${cpu}/.*glibc.*)$`);
  const packages = [...nativePackages, ...helpersOfNativePackages];
  const files = await Promise.all(
    packages.map((name) => filesBelow(join(root, 'node_modules', name), `node_modules/${name}`)),
  );
  // A shared library needs no right to execute it.
  return files
    .flat()
    .filter(({ path }) => kept.test(path))
    .map((file) => ({ ...file, mode: 0o644 }));
}

/** Returns the installed versions. */
async function versionsOf(root: string, names: readonly string[]): Promise<Record<string, string>> {
  const read = async (name: string) =>
    [name, (await readJson<Manifest>(join(root, 'node_modules', name, 'package.json'))).version] as const;
  return Object.fromEntries(await Promise.all(names.map(read)));
}

async function readJson<Shape>(path: string): Promise<Shape> {
  return JSON.parse(await readFile(path, 'utf8')) as Shape;
}

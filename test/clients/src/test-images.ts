// The images that every client pulls. They are created once and kept as the storage of two upstream registries. Both
// have repositories of the same names with different content, so that a pull proves which upstream it reached.
import { access, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureDebianPackages, startDockerRegistry } from '@cistern/test-servers';
import { bulkImage, inOneLayer, shellImage } from './image-recipes.ts';
import { type ImageRecipe, writeOciLayout } from './oci-layout.ts';
import { type Sandbox, openSandbox } from './sandbox.ts';

export const upstreamNames = ['docker.io', 'quay.io'] as const;
export type UpstreamName = (typeof upstreamNames)[number];

interface TestImage {
  readonly upstream: UpstreamName;
  readonly repository: string;
  /** One recipe is an image, several are an index. */
  readonly recipes: () => Promise<readonly ImageRecipe[]>;
  /** Options of skopeo that convert the image on its way into the registry. */
  readonly conversion?: readonly string[];
}

const bothArchitectures = (origin: string) => Promise.all([shellImage(origin), shellImage(origin, 'arm64')]);
const zstd = (format: string) => ['--dest-compress-format', format];

/** A repository of `quay.io`, for pulls by digest only. */
export const byDigestRepository = 'library/by-digest';

// The compressed ones come first, because skopeo prefers to reuse a pushed layer instead of compressing again.
const testImages: readonly TestImage[] = [
  {
    upstream: 'docker.io',
    repository: 'library/zstd',
    recipes: async () => [inOneLayer(await shellImage('zstd'))],
    conversion: zstd('zstd'),
  },
  {
    upstream: 'docker.io',
    repository: 'library/zstd-chunked',
    recipes: async () => [inOneLayer(await shellImage('zstd-chunked'))],
    conversion: zstd('zstd:chunked'),
  },
  { upstream: 'docker.io', repository: 'library/shell', recipes: async () => [await shellImage('docker.io')] },
  { upstream: 'quay.io', repository: 'library/shell', recipes: async () => [await shellImage('quay.io')] },
  { upstream: 'docker.io', repository: 'library/multi', recipes: () => bothArchitectures('docker.io multi') },
  { upstream: 'quay.io', repository: 'library/multi', recipes: () => bothArchitectures('quay.io multi') },
  { upstream: 'docker.io', repository: 'library/five-layers', recipes: async () => [bulkImage('five-layers', 5, 40)] },
  {
    upstream: 'docker.io',
    repository: 'library/schema2',
    recipes: async () => [await shellImage('schema2')],
    conversion: ['--format', 'v2s2'],
  },
  {
    upstream: 'docker.io',
    repository: 'library/schema2-list',
    recipes: () => bothArchitectures('schema2-list'),
    conversion: ['--format', 'v2s2'],
  },
  { upstream: 'quay.io', repository: byDigestRepository, recipes: async () => [await shellImage('by-digest')] },
];

/** Increase it with every change of the images. */
const version = 1;

/** The only tag of every repository. */
export const testTag = '1';
/** The artifact type of the artifact attached to `docker.io/library/shell`. */
export const attachedArtifactType = 'application/vnd.cistern.test.sbom';
/** The only file of that artifact. */
export const attachedFile = { name: 'sbom.json', content: '{"made":"for a test"}\n' };

/** Returns the repositories of an upstream for pulls by tag, or those of them in `only`. */
export function testRepositories(upstream: UpstreamName, only?: readonly string[]): string[] {
  return testImages
    .filter((image) => image.upstream === upstream && image.repository !== byDigestRepository)
    .map((image) => image.repository)
    .filter((repository) => only?.includes(repository) ?? true);
}

/**
 * Returns the directory with the storage of each upstream's registry, by name. It is kept from run to run and never
 * written to.
 */
export async function ensureTestImages(): Promise<string> {
  const directory = join(tmpdir(), `cistern-test-images-${version}`);
  if (await isThere(directory)) return directory;
  await ensureDebianPackages(['busybox-static', 'skopeo', 'oras']);
  const building = await mkdtemp(`${directory}-building-`);
  try {
    await buildTestImages(building);
    await rename(building, directory).catch(async (error: unknown) => {
      // Another test process was faster.
      if (!(await isThere(directory))) throw error;
    });
  } finally {
    await rm(building, { recursive: true, force: true });
  }
  return directory;
}

async function isThere(directory: string): Promise<boolean> {
  return access(directory).then(
    () => true,
    () => false,
  );
}

async function buildTestImages(directory: string): Promise<void> {
  const hosts = new Map<UpstreamName, string>();
  const stops: (() => Promise<void>)[] = [];
  try {
    for (const upstream of upstreamNames) {
      const registry = await startDockerRegistry({ rootDirectory: join(directory, upstream) });
      stops.push(registry.close);
      hosts.set(upstream, `127.0.0.1:${registry.port}`);
    }
    const sandbox = await openSandbox();
    stops.push(sandbox.close);
    for (const image of testImages) await push(sandbox, image, hosts.get(image.upstream) ?? '');
    await attachArtifact(sandbox, `${hosts.get('docker.io')}/library/shell:${testTag}`);
  } finally {
    for (const stop of stops.reverse()) await stop();
  }
}

async function push(sandbox: Sandbox, image: TestImage, host: string): Promise<void> {
  const layout = join(sandbox.directory, 'layout');
  await writeOciLayout(layout, await image.recipes());
  const target = `docker://${host}/${image.repository}:${testTag}`;
  const conversion = image.conversion ?? ['--preserve-digests'];
  await sandbox.run('skopeo', ['copy', '--all', '--dest-tls-verify=false', ...conversion, `oci:${layout}`, target]);
  await rm(layout, { recursive: true });
}

async function attachArtifact(sandbox: Sandbox, subject: string): Promise<void> {
  await writeFile(join(sandbox.directory, attachedFile.name), attachedFile.content);
  const file = `${attachedFile.name}:application/json`;
  await sandbox.run('oras', ['attach', '--plain-http', '--artifact-type', attachedArtifactType, subject, file]);
}

// The image: its files in two layers, and its configuration. infra/docker/Dockerfile builds the same image with docker.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Application, home, installedFiles } from './application.ts';
import type { DebianFiles } from './debian-files.ts';
import { directoryOf, fileOf, linkOf, type PackedFile } from './files.ts';
import type { NodeBinary } from './node-binary.ts';
import type { Platform } from './platforms.ts';
import { describeMaterials } from './materials.ts';

/** The user of a new volume. It is the same in every release, because it owns the files of volumes. */
const user = 10001;

export interface ImageContent {
  /** Debian's files and Node. They change rarely, so clients and registries share this layer between releases. */
  readonly base: readonly PackedFile[];
  readonly application: readonly PackedFile[];
}

export interface ImageParts {
  readonly application: Application;
  readonly platform: Platform;
  readonly debian: DebianFiles;
  readonly node: NodeBinary;
}

export async function collectImage(
  root: string,
  { application, platform, debian, node }: ImageParts,
): Promise<ImageContent> {
  const infra = (name: string) => readFile(join(root, 'infra/docker', name));
  const materials = describeMaterials(application.materials, { debian: debian.packages, node: node.version });
  return {
    base: [
      ...debian.files,
      ...layout(debian.files),
      fileOf(`${home}/bin/node`, node.binary, 0o755),
      fileOf('usr/share/doc/node/copyright', node.licence),
    ],
    application: [
      ...(await installedFiles(root, application, platform)),
      fileOf('usr/bin/cistern', await infra('cistern'), 0o755),
      fileOf('etc/docker/registry/config.yml', await infra('config.yml')),
      // Names of registry:2's image, for commands that use them, and of registry 3's configuration file.
      linkOf('etc/distribution/config.yml', '/etc/docker/registry/config.yml'),
      linkOf('usr/bin/registry', 'cistern'),
      fileOf('usr/share/doc/cistern/sbom.cdx.json', materials),
    ],
  };
}

/** Returns the directories, links and files that Debian's packages create when they are installed. */
function layout(files: readonly PackedFile[]): PackedFile[] {
  const merged = ['bin', 'lib', ...(files.some(({ path }) => path.startsWith('usr/lib64/')) ? ['lib64'] : [])];
  return [
    ...merged.map((name) => linkOf(name, `usr/${name}`)),
    fileOf(
      'etc/passwd',
      `root:x:0:0:root:/root:/usr/sbin/nologin\ncistern:x:${user}:${user}::/nonexistent:/usr/sbin/nologin\n`,
    ),
    fileOf('etc/group', `root:x:0:\ncistern:x:${user}:\n`),
    fileOf('etc/nsswitch.conf', 'hosts: files dns\n'),
    directoryOf('tmp', 0o1777),
    // A configuration may be mounted there, as in registry:2's documentation.
    directoryOf('root'),
    // Volumes get their owner and mode from these directories. Any user may write to them.
    directoryOf('var/lib/cistern', 0o1777, user),
    directoryOf('var/lib/registry', 0o1777, user),
  ];
}

const secondsToNanoseconds = 1_000_000_000;

/**
 * Returns the configuration of containers. `Healthcheck` is an extension of docker to OCI's image specification. The
 * Dockerfile has the same values.
 */
export function configureImage(version: string, revision: string, source: string | undefined) {
  return {
    // The variable selects the defaults of registry:2's image (services/cli/src/node/read-config.ts). A process starts
    // as root and switches to the owner of its data (services/cli/src/node/become-owner.ts).
    Env: ['PATH=/usr/bin:/usr/lib/cistern/bin', 'NODE_ENV=production', 'CISTERN_DEFAULTS=image'],
    // tini forwards signals and reaps processes. Its option prevents a warning if it is not the first process.
    Entrypoint: ['tini', '-s', '--', 'cistern'],
    Cmd: ['serve'],
    WorkingDir: '/var/lib/cistern',
    ExposedPorts: { '5000/tcp': {}, '5001/tcp': {}, '5002/tcp': {}, '5003/tcp': {} },
    Healthcheck: {
      Test: ['CMD', 'cistern', 'healthcheck', '--live'],
      // The command has its own time limit. These limits allow for machines on which a process starts slowly.
      Interval: 30 * secondsToNanoseconds,
      Timeout: 30 * secondsToNanoseconds,
      StartPeriod: 60 * secondsToNanoseconds,
      StartInterval: 2 * secondsToNanoseconds,
    },
    Labels: {
      'org.opencontainers.image.title': 'Cistern',
      'org.opencontainers.image.description': 'A pull-through cache for container images',
      'org.opencontainers.image.licenses': 'Apache-2.0',
      'org.opencontainers.image.version': version,
      'org.opencontainers.image.revision': revision,
      ...(source !== undefined && { 'org.opencontainers.image.source': source }),
    },
  };
}

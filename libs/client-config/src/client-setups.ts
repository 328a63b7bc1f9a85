// Generates the configuration files and commands with which each client uses one cache.
import {
  type CacheAddress,
  type ClientFacts,
  createFacts,
  type ServedUpstream,
  type SetupStep,
} from './client-setup.ts';

type ClientSetup = (facts: ClientFacts) => readonly SetupStep[];

/** docker can mirror only Docker Hub. For other registries, users put the name of the cache before the image. */
const docker: ClientSetup = ({ cache, cache: { url, host, isPlain }, upstreams }) => [
  {
    path: '/etc/docker/daemon.json',
    content: JSON.stringify(
      { 'registry-mirrors': [url], ...(isPlain && { 'insecure-registries': [host] }) },
      undefined,
      2,
    ),
    note: `Then restart docker. It pulls images of Docker Hub through the cache. Other registries need the name of the cache: docker pull ${host}/${upstreams.find((name) => name !== 'docker.io') ?? 'quay.io'}/org/app:1`,
  },
  ...authoritySteps('/etc/docker/certs.d', cache),
];

/** containerd, alone or with Kubernetes, needs one file for all registries. It adds `?ns=<registry>` to requests. */
const containerd: ClientSetup = ({ cache: { url, authority } }) => [
  {
    path: '/etc/containerd/certs.d/_default/hosts.toml',
    content: [
      `[host."${url}"]`,
      '  capabilities = ["pull", "resolve"]',
      ...(authority === undefined ? [] : [`  ca = ${JSON.stringify(authority)}`]),
    ].join('\n'),
    note: 'containerd reads it at every pull. To use the cache for one registry only, name the directory after it, such as docker.io, instead of _default.',
  },
  {
    path: '/etc/containerd/config.toml',
    content: [
      'version = 3          # containerd 2',
      '[plugins."io.containerd.cri.v1.images".registry]',
      '  config_path = "/etc/containerd/certs.d"',
      '',
      '# containerd 1: version = 2, and the section is [plugins."io.containerd.grpc.v1.cri".registry]',
    ].join('\n'),
    note: 'Only for Kubernetes. Then restart containerd. For ctr and nerdctl, pass --hosts-dir /etc/containerd/certs.d.',
  },
];

/** Returns the lines of `buildkitd.toml`. */
function buildkitLines({ cache, upstreams }: ClientFacts): readonly string[] {
  const { host } = cache;
  const mirrors = upstreams.flatMap((name) => [`[registry."${name}"]`, `  mirrors = ["${host}"]`]);
  return [...mirrors, `[registry."${host}"]`, ...reachedBy(cache).map((line) => `  ${line}`)];
}

function reachedBy({ isPlain, authority }: CacheAddress): readonly string[] {
  if (isPlain) return ['http = true', 'insecure = true'];
  return authority === undefined ? [] : [`ca = [${JSON.stringify(authority)}]`];
}

/** BuildKit needs a section for each registry, and one with the connection settings of the cache. */
const buildkit: ClientSetup = (facts) => [
  {
    path: 'buildkitd.toml',
    content: buildkitLines(facts).join('\n'),
    note: 'To create a builder with it, run docker buildx create --use --buildkitd-config buildkitd.toml.',
  },
];

/** The path of the CA certificate in the container of Earthly's BuildKit. */
const authorityInside = '/etc/config/cistern.crt';

/** The configuration of Earthly contains the configuration of its BuildKit. */
const earthly: ClientSetup = (facts) => {
  const { cache } = facts;
  const { authority } = cache;
  const inside = { ...cache, authority: authority === undefined ? undefined : authorityInside };
  return [
    {
      path: '~/.earthly/config.yml',
      content: [
        'global:',
        ...(authority === undefined
          ? []
          : [`  buildkit_additional_args: ["-v", ${JSON.stringify(`${authority}:${authorityInside}`)}]`]),
        '  buildkit_additional_config: |',
        ...buildkitLines({ ...facts, cache: inside }).map((line) => `    ${line}`),
      ].join('\n'),
      note: 'Then run earthly bootstrap. Its BuildKit runs in a container, where localhost is not this machine.',
    },
  ];
};

/** podman, buildah, skopeo and CRI-O read the same file, with a pair of tables for each registry. */
const podman: ClientSetup = ({ cache, cache: { host, isPlain }, upstreams }) => [
  {
    path: '/etc/containers/registries.conf.d/cistern.conf',
    // The upstream's name follows the cache's host in the location. A name with a port is not allowed there, so such
    // upstreams are left out.
    content: upstreams
      .filter((name) => !name.includes(':'))
      .map((name) =>
        [
          '[[registry]]',
          `location = "${name}"`,
          '[[registry.mirror]]',
          `location = "${host}/${name}"`,
          ...(isPlain ? ['insecure = true'] : []),
        ].join('\n'),
      )
      .join('\n\n'),
    note: 'It is read at every pull. Only CRI-O needs a restart.',
  },
  ...authoritySteps('/etc/containers/certs.d', cache),
];

/** k3s and RKE2 generate containerd's files from their own file. */
const k3s: ClientSetup = ({ cache: { url, host, authority }, upstreams }) => [
  {
    path: '/etc/rancher/k3s/registries.yaml',
    content: [
      'mirrors:',
      ...upstreams.flatMap((name) => [`  "${name}":`, `    endpoint: ["${url}"]`]),
      ...(authority === undefined
        ? []
        : ['configs:', `  "${host}":`, '    tls:', `      ca_file: ${JSON.stringify(authority)}`]),
    ].join('\n'),
    note: 'On every node; then restart k3s. RKE2 reads /etc/rancher/rke2/registries.yaml instead.',
  },
];

/** kaniko needs arguments. For crane and oras, users put the name of the cache before the image. */
const kaniko: ClientSetup = ({ cache: { host, isPlain, authority }, upstreams, dotlessPathOf }) => {
  const maps = upstreams.flatMap((name) => {
    const path = dotlessPathOf(name);
    return path === undefined ? [] : [`${name === 'docker.io' ? 'index.docker.io' : name}=${path}`];
  });
  const missing = upstreams.filter((name) => dotlessPathOf(name) === undefined);
  const reached = [
    ...(isPlain ? [`--insecure-registry=${host}`] : []),
    ...(authority === undefined ? [] : [`--registry-certificate=${host}=${authority}`]),
  ];
  const notes = [
    'Add these arguments to those of kaniko.',
    ...(missing.length === 0
      ? []
      : [
          `kaniko needs a name without a dot for ${missing.join(', ')}: set upstreams.<name>.aliases, for example [${missing[0]?.replaceAll(/[.:]/g, '-')}].`,
        ]),
    `crane and oras pull by name: ${host}/<upstream>/<repository>.`,
  ];
  return [
    {
      path: undefined,
      content: ['/kaniko/executor', ...mapArguments(maps), ...reached, '…'].join(' \\\n  '),
      note: notes.join(' '),
    },
  ];
};

function mapArguments(maps: readonly string[]): readonly string[] {
  return maps.length === 0 ? [] : [`--registry-map='${maps.join(';')}'`];
}

/** The functions that generate the setup of a client, by the client's name. */
export const clientSetups: Readonly<Record<string, ClientSetup>> = {
  docker,
  containerd,
  buildkit,
  earthly,
  podman,
  k3s,
  kaniko,
};

export interface DescribedClient {
  readonly name: string;
  readonly steps: readonly SetupStep[];
}

/** Returns the setup of every client. `upstreams` may be in any order. */
export function describeClientSetups(
  cache: CacheAddress,
  upstreams: readonly ServedUpstream[],
): readonly DescribedClient[] {
  const facts = createFacts(cache, upstreams);
  return Object.entries(clientSetups).map(([name, setup]) => ({ name, steps: setup(facts) }));
}

/**
 * Returns a step with the command that installs the CA certificate of the cache in a client's directory. Returns no
 * step if clients do not need the certificate.
 */
function authoritySteps(directory: string, { host, authority }: CacheAddress): readonly SetupStep[] {
  if (authority === undefined) return [];
  const content = `install -D ${authority} ${directory}/${host}/ca.crt`;
  return [{ path: undefined, content, note: 'Installs the CA certificate of the cache.' }];
}

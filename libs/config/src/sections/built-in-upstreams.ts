// The built-in upstreams, which apply if the configuration has no upstreams. A configured upstream with one of these
// names gets the built-in aliases, and the built-in URL if it sets none.

export interface BuiltInUpstream {
  readonly url: string;
  readonly aliases: readonly string[];
}

export const dockerHub = 'docker.io';

export const builtInUpstreams: Readonly<Record<string, BuiltInUpstream>> = {
  [dockerHub]: { url: 'https://registry-1.docker.io', aliases: ['index.docker.io', 'registry-1.docker.io'] },
  'quay.io': { url: 'https://quay.io', aliases: [] },
  'ghcr.io': { url: 'https://ghcr.io', aliases: [] },
  'gcr.io': { url: 'https://gcr.io', aliases: [] },
  'registry.k8s.io': { url: 'https://registry.k8s.io', aliases: [] },
  'mcr.microsoft.com': { url: 'https://mcr.microsoft.com', aliases: [] },
  'public.ecr.aws': { url: 'https://public.ecr.aws', aliases: [] },
};

/**
 * Returns the name of the upstream for a host. All hosts of Docker Hub belong to the upstream `docker.io`. For any
 * other host, the name is the host in lower case, with its port.
 */
export function upstreamNameOf(host: string): string {
  const lower = host.toLowerCase();
  return builtInUpstreams[dockerHub]?.aliases.includes(lower) ? dockerHub : lower;
}

// The registries that are served when none is configured, and the names by which each is known.

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

/** The upstream a host belongs to: Docker Hub's hosts are one, any other host (with its port) is its own name. */
export function upstreamNameOf(host: string): string {
  const lower = host.toLowerCase();
  return builtInUpstreams[dockerHub]?.aliases.includes(lower) ? dockerHub : lower;
}

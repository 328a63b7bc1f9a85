// BuildKit: a section for each registry, and one that says how the cache is reached.
import type { CacheAddress, ClientFacts, ClientSetup } from './client-setup.ts';

/** The lines of `buildkitd.toml`. */
export function buildkitLines({ cache, upstreams }: ClientFacts): readonly string[] {
  const { host } = cache;
  const mirrors = upstreams.flatMap((name) => [`[registry."${name}"]`, `  mirrors = ["${host}"]`]);
  return [...mirrors, `[registry."${host}"]`, ...reachedBy(cache).map((line) => `  ${line}`)];
}

function reachedBy({ isPlain, authority }: CacheAddress): readonly string[] {
  if (isPlain) return ['http = true', 'insecure = true'];
  return authority === undefined ? [] : [`ca = [${JSON.stringify(authority)}]`];
}

export const buildkit: ClientSetup = (facts) => [
  {
    path: 'buildkitd.toml',
    content: buildkitLines(facts).join('\n'),
    note: 'docker buildx create --use --buildkitd-config buildkitd.toml makes a builder of it.',
  },
];

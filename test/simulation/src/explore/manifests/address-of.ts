// The forms in which clients name a repository of the cache.
import type { Random } from '../../world/random.ts';
import type { SimulatedRepository } from './image-catalog.ts';

export interface Address {
  /** Path and query of the URL. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Returns the repository name that this client puts into a token. */
  scopeOf(repository: SimulatedRepository): string;
}

export const otherHost = 'second.cache';
const defaultUpstream = 'docker.io';
const bareShare = 0.6;

export function addressOf({ host, name, fullName }: SimulatedRepository, resource: string, random: Random): Address {
  const bare = `/v2/${name}/${resource}`;
  const isDefault = host === defaultUpstream;
  const scopeOf = (one: SimulatedRepository) =>
    one.host === defaultUpstream && random.chance(bareShare) ? one.name : one.fullName;
  if (isDefault && random.chance(bareShare)) return { path: bare, headers: {}, scopeOf };
  // The Host header of a request selects the upstream of a bare name.
  if (host === 'second.example' && random.chance(0.25))
    return { path: bare, headers: { host: otherHost }, scopeOf: (one) => one.fullName };
  const path = random.pick([`/v2/${fullName}/${resource}`, `/${host}${bare}`, `${bare}?ns=${host}`]);
  return { path, headers: {}, scopeOf };
}

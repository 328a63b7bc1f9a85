// Resolves a request to an upstream and a repository. It handles names only: nothing here is ever dialled, and an
// upstream that is not in the table does not exist.
import { CacheError } from '@cistern/errors';
import { parseRepositoryName, type RepositoryName, splitFirstComponent } from '@cistern/oci';

export interface UpstreamTableEntry {
  /** The name, for example `docker.io`. It may contain a port. */
  readonly name: string;
  /** Other names, for `ns` and prefixes. Those of Docker Hub are built in. */
  readonly aliases?: readonly string[];
  /** Host names of Cistern itself that select this upstream. */
  readonly hosts?: readonly string[];
  readonly isDefault?: boolean;
  /** True if an unknown `ns` selects this upstream. It applies only to a table with one upstream. */
  readonly takesAnyNamespace?: boolean;
}

export interface RequestName {
  /** The query parameter `ns`. */
  readonly ns?: string | undefined;
  /** The `Host` header. */
  readonly host?: string | undefined;
  /** The `<prefix>` of `/<prefix>/v2/…`. */
  readonly pathPrefix?: string | undefined;
  /** The part of the path between `/v2/` and the endpoint. */
  readonly name: string;
}

export interface ResolvedName {
  readonly upstream: string;
  readonly repository: RepositoryName;
  /** `mirror` means that the client can fall back to an origin. `prefix` means that it knows only Cistern. */
  readonly mode: 'mirror' | 'prefix';
}

export interface UpstreamTable {
  /** Returns the name of the upstream with this name or alias. Throws `name-unknown`. */
  nameOf(name: string): string;
  /**
   * Resolves by `ns`, `Host`, prefix and default, in this order. Throws `name-unknown` for an unknown `ns` or path
   * prefix, and `name-invalid` if two of them disagree. Throws OciSyntaxError NAME_INVALID if the rest of the name is
   * no valid repository name. An upstream that takes any `ns` ignores an unknown one.
   */
  resolve(request: RequestName): ResolvedName;
}

const dockerHub = 'docker.io';
const dockerHubAliases = ['index.docker.io', 'registry-1.docker.io'];

/**
 * Creates the table. Throws an Error for a name that two entries claim, and for two defaults. A single entry is the
 * default.
 */
export function createUpstreamTable(entries: readonly UpstreamTableEntry[]): UpstreamTable {
  const byName = new Map<string, string>();
  const byHost = new Map<string, string>();
  for (const { name, aliases = [], hosts = [] } of entries) {
    const builtIn = name === dockerHub ? dockerHubAliases : [];
    for (const key of [name, ...aliases, ...builtIn]) claim(byName, key, name);
    for (const host of hosts) claim(byHost, host, name);
  }
  const defaults = entries.filter(({ isDefault }, _, { length }) => isDefault === true || length === 1);
  if (defaults.length > 1) throw new Error(`Only one upstream can be the default, not ${listNames(defaults)}.`);
  const fallback = defaults[0]?.name;
  const takesAnyNamespace = entries.length === 1 && entries[0]?.takesAnyNamespace === true;

  function lookUp(source: string, key: string): string {
    const upstream = byName.get(key.toLowerCase());
    if (upstream !== undefined) return upstream;
    throw new CacheError('name-unknown', `${source} "${key.slice(0, 100)}" names no upstream of this cache.`);
  }

  return {
    nameOf: (name) => lookUp('The name', name),
    resolve({ ns, host, pathPrefix, name }) {
      const isIgnored = takesAnyNamespace && ns !== undefined && !byName.has(ns.toLowerCase());
      const byNs = ns === undefined || isIgnored ? undefined : lookUp('The namespace', ns);
      const mapped = byNs ?? findHost(byHost, host);
      const byPrefix = pathPrefix === undefined ? undefined : lookUp('The path prefix', pathPrefix);
      if (mapped !== undefined && byPrefix !== undefined && mapped !== byPrefix) throw disagreement(mapped, byPrefix);

      const known = mapped ?? byPrefix;
      const { first, rest } = splitFirstComponent(name);
      const byComponent = rest === undefined ? undefined : byName.get(first.toLowerCase());
      const stripped = byComponent !== undefined && (known === undefined || known === byComponent);
      // A component without a dot or port may be an organisation's name that equals an alias. One with a dot or port is
      // a host name that contradicts the selected upstream.
      if (byComponent !== undefined && !stripped && /[.:]/.test(first)) throw disagreement(known, byComponent);

      const upstream = known ?? byComponent ?? fallback;
      if (upstream === undefined)
        throw new CacheError('name-unknown', `"${name}" names no upstream: begin with one of ${listNames(entries)}.`);
      return {
        upstream,
        repository: repositoryAt(upstream, stripped && rest !== undefined ? rest : name),
        mode: mapped === undefined && !isIgnored && (byPrefix !== undefined || stripped) ? 'prefix' : 'mirror',
      };
    },
  };
}

/** Returns the repository of a name. Docker Hub's official images have a namespace that clients omit. */
function repositoryAt(upstream: string, name: string): RepositoryName {
  return parseRepositoryName(upstream === dockerHub && !name.includes('/') ? `library/${name}` : name);
}

function findHost(byHost: ReadonlyMap<string, string>, host: string | undefined): string | undefined {
  const key = host?.toLowerCase() ?? '';
  return byHost.get(key) ?? byHost.get(key.replace(/:\d+$/, ''));
}

function claim(table: Map<string, string>, key: string, upstream: string): void {
  const owner = table.get(key.toLowerCase()) ?? upstream;
  if (owner !== upstream) throw new Error(`"${key}" cannot name both ${owner} and ${upstream}.`);
  table.set(key.toLowerCase(), upstream);
}

function disagreement(one: string | undefined, other: string): CacheError {
  return new CacheError('name-invalid', `The request names two upstreams, ${one} and ${other}.`);
}

function listNames(entries: readonly UpstreamTableEntry[]): string {
  return entries.map(({ name }) => name).join(', ');
}

/** Returns the upstream to which the files of a registry:2 cache in the store belong: the default one. */
export function adoptedUpstream(
  upstreams: readonly { readonly name: string; readonly isDefault: boolean }[],
): string | undefined {
  return upstreams.find(({ isDefault }) => isDefault)?.name;
}

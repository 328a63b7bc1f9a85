// The facts that all clients' files need, and the type of such a file.

export interface CacheAddress {
  /** The URL without a path: `https://cache.example`. */
  readonly url: string;
  /** The host, with the port if there is one. */
  readonly host: string;
  /** Whether the cache uses plain HTTP, which clients' files must state. */
  readonly isPlain: boolean;
  /** The path of the CA certificate. `undefined` means that clients trust the CA already, or plain HTTP. */
  readonly authority: string | undefined;
}

export interface ClientFacts {
  readonly cache: CacheAddress;
  /** The names of the upstreams, docker.io first. */
  readonly upstreams: readonly string[];
  /**
   * Returns the location of an upstream for clients that treat a first component with a dot as a registry. It is the
   * cache's host, followed by a name without a dot unless the upstream is the default. `undefined` means that there is
   * no such name.
   */
  dotlessPathOf(upstream: string): string | undefined;
}

/** An upstream of the configuration. */
export interface ServedUpstream {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly isDefault: boolean;
}

export interface SetupStep {
  /** The path of the file, or `undefined` for commands. */
  readonly path: string | undefined;
  readonly content: string;
  /** One or two sentences about the step. */
  readonly note: string;
}

export function createFacts(cache: CacheAddress, served: readonly ServedUpstream[]): ClientFacts {
  const names = served.map(({ name }) => name);
  return {
    cache,
    upstreams: [...names.filter((name) => name === 'docker.io'), ...names.filter((name) => name !== 'docker.io')],
    dotlessPathOf(upstream) {
      const { name, aliases = [], isDefault = false } = served.find((one) => one.name === upstream) ?? {};
      if (isDefault) return cache.host;
      const dotless = [name, ...aliases].find((each) => each !== undefined && !/[.:]/.test(each));
      return dotless === undefined ? undefined : `${cache.host}/${dotless}`;
    },
  };
}

/** A name, an IPv4 or an IPv6 address, optionally with a port. A URL allows more. */
const plainHost = /^(?:[\w.-]+|\[[\da-f:]+\])(?::\d+)?$/;
/** Excludes all characters with a meaning in a shell, TOML, YAML or a list of volumes, and options of a command. */
const plainPath = /^(?!-)[\p{L}\p{N}_./@%+=-]+$/u;

/**
 * Parses the address of a cache. Throws `TypeError` for an invalid URL or path, and for one that a file or command
 * could misread. Users paste these files, and the link that generated them may come from an attacker.
 */
export function parseCacheAddress(url: string, authority: string | undefined): CacheAddress {
  if (!URL.canParse(url))
    throw new TypeError(`${JSON.stringify(url)} is not a URL: write one like https://cache.example`);
  const { protocol, host, pathname, search } = new URL(url);
  if (!/^https?:$/.test(protocol) || pathname !== '/' || search !== '')
    throw new TypeError(`${JSON.stringify(url)} must be http:// or https:// with a host, and without a path`);
  if (!plainHost.test(host))
    throw new TypeError(`${JSON.stringify(host)} is not a host: write one like cache.example:5000`);
  if (authority !== undefined && !plainPath.test(authority))
    throw new TypeError(
      `${JSON.stringify(authority)} is not a valid path: write one like /etc/ssl/cache.crt, with only letters, digits and ._/@%+=-`,
    );
  const isPlain = protocol === 'http:';
  return { url: `${protocol}//${host}`, host, isPlain, authority: isPlain ? undefined : authority };
}

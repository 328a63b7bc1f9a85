// Provides the facts from which the configuration files of all clients are generated, and the type of a setup step.

export interface CacheAddress {
  /** The URL without a path: `https://cache.example`. */
  readonly url: string;
  /** The host, with the port if the URL has one. */
  readonly host: string;
  /** True if the cache uses plain HTTP. Clients require a setting for this. */
  readonly isPlain: boolean;
  /**
   * The path of the CA certificate on the client. `undefined` means that clients already trust the CA, or that the
   * cache uses plain HTTP.
   */
  readonly authority: string | undefined;
}

export interface ClientFacts {
  readonly cache: CacheAddress;
  /** The names of the upstreams, docker.io first. */
  readonly upstreams: readonly string[];
  /**
   * Returns the location of an upstream for clients that treat a first component with a dot as a registry. For the
   * default upstream it is the cache's host, otherwise the host and a name of the upstream without a dot or colon.
   * `undefined` means that the upstream has no such name.
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
  /** The path of the file, or `undefined` if `content` is a command. */
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

/** Matches a name, an IPv4 or an IPv6 address, optionally with a port. The host of a URL can have more characters. */
const plainHost = /^(?:[\w.-]+|\[[\da-f:]+\])(?::\d+)?$/;
/**
 * Excludes characters that have a meaning in a shell, TOML, YAML or a list of volumes. Also excludes a first `-`,
 * because a command would read an option.
 */
const plainPath = /^(?!-)[\p{L}\p{N}_./@%+=-]+$/u;

/**
 * Parses the address of a cache. Throws `TypeError` for an invalid URL or path, and for one with a special meaning in a
 * file or command. This matters because users copy the result, and the link that generated it can come from an
 * attacker.
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

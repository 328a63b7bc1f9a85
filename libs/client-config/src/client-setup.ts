// What the files of all clients are made of, and what such a file is.

export interface CacheAddress {
  /** Without a path: `https://cache.example`. */
  readonly url: string;
  /** Host and, if there is one, port. */
  readonly host: string;
  /** Plain HTTP, which the files of clients have to say. */
  readonly isPlain: boolean;
  /** Path of the certificate of the authority that clients do not know by themselves; `undefined`: they do, or plain HTTP. */
  readonly authority: string | undefined;
}

export interface ClientFacts {
  readonly cache: CacheAddress;
  /** Names of upstreams, docker.io first if it is one. */
  readonly upstreams: readonly string[];
  /**
   * Where the cache has an upstream for clients that take a first component with a dot for a registry: its host, and behind it
   * a name without a dot unless it is the default. `undefined`: nowhere.
   */
  dotlessPathOf(upstream: string): string | undefined;
}

/** What a configuration says of an upstream. */
export interface ServedUpstream {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly isDefault: boolean;
}

export interface SetupStep {
  /** The file, or `undefined` for commands. */
  readonly path: string | undefined;
  readonly content: string;
  /** A sentence or two about it. */
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

/** A name, an IPv4 or an IPv6 address, with a port or not: less than a URL may have. */
const plainHost = /^(?:[\w.-]+|\[[\da-f:]+\])(?::\d+)?$/;
/** Nothing that a shell, TOML, YAML or a list of volumes could take for something else, and no option of a command. */
const plainPath = /^(?!-)[\p{L}\p{N}_./@%+=-]+$/u;

/**
 * Throws `TypeError` for a URL or path that is none, or that a file or command could read otherwise. People paste these files,
 * and a stranger may have made the link that wrote them.
 */
export function parseCacheAddress(url: string, authority: string | undefined): CacheAddress {
  if (!URL.canParse(url)) throw new TypeError(`${JSON.stringify(url)} is no URL such as https://cache.example`);
  const { protocol, host, pathname, search } = new URL(url);
  if (!/^https?:$/.test(protocol) || pathname !== '/' || search !== '')
    throw new TypeError(`${JSON.stringify(url)} has to be http:// or https:// with a host, and nothing behind it`);
  if (!plainHost.test(host)) throw new TypeError(`${JSON.stringify(host)} is no host such as cache.example:5000`);
  if (authority !== undefined && !plainPath.test(authority))
    throw new TypeError(
      `${JSON.stringify(authority)} is no path such as /etc/ssl/cache.crt, of letters, digits and ._/@%+=- alone`,
    );
  const isPlain = protocol === 'http:';
  return { url: `${protocol}//${host}`, host, isPlain, authority: isPlain ? undefined : authority };
}

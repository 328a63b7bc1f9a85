// How an upstream is named in errors, so that every message says which registry it is about.

export interface UpstreamIdentity {
  /** The name in the configured table, for example `docker.io`. */
  readonly name: string;
  /** Without user info, query and trailing slash. */
  readonly url: URL;
}

/** `Upstream "docker.io" (registry-1.docker.io)`; with `host`, where the exchange was with its storage or token server. */
export function nameUpstream({ name, url }: UpstreamIdentity, host: string = url.host): string {
  return `Upstream "${name}" (${host})`;
}

/**
 * Whether a request goes to a place that the operator named. A token server may have another port of the upstream's host,
 * as credentials go there. A redirect may not: on a private host other ports are other services.
 */
export function isOwnPlace({ url }: UpstreamIdentity, other: URL, isRedirected = false): boolean {
  return isRedirected ? other.origin === url.origin : other.hostname === url.hostname;
}

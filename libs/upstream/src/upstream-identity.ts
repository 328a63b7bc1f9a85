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

/** The host alone decides whether an address was named by the operator; ports of that host are the host's own. */
export function isOwnHost({ url }: UpstreamIdentity, other: URL): boolean {
  return other.hostname === url.hostname;
}

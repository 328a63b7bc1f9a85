// Settings of an upstream that several of its parts read: values from the configuration.

/** `<token>` as the user name: the password is an identity token. */
export interface UpstreamCredentials {
  readonly username: string;
  readonly password: string;
}

export interface ProxyTarget {
  /** `http://` or `https://`, with user info where the proxy wants it. */
  readonly url: string;
}

/** PEM throughout. */
export interface UpstreamTls {
  /** Trusted besides the usual authorities, for storage and token servers too. */
  readonly ca?: string | readonly string[] | undefined;
  /** Shown to the upstream's own host only; with `key`. */
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
}

export interface UpstreamTimeouts {
  readonly connectTimeoutMs: number;
  /** From the end of a request to the headers of its answer. */
  readonly headersTimeoutMs: number;
  /** Between two chunks of a body, while a reader waits for one. */
  readonly bodyIdleTimeoutMs: number;
  /**
   * For a whole call with its retries, redirects and tokens. For blobs until the body begins or goes on: the time that
   * a body takes depends on its size.
   */
  readonly deadlineMs: number;
  /** While calls wait: the silence of the registry, heartbeats included, after which its circuit breaker opens. */
  readonly silenceMs: number;
}

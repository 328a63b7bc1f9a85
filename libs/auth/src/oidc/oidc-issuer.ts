/** Who signs tokens for jobs, and what jobs get for which claims. */
export interface OidcIssuer {
  /** In the log and in the names of its identities. */
  readonly name: string;
  /** Exactly as it stands in `iss`. */
  readonly url: string;
  /** Of which one has to stand in `aud`: the token was made for this cache. */
  readonly audiences: readonly string[];
  readonly rules: readonly OidcRule[];
  /** Claims that are told of an identity, for attribution. */
  readonly labels: readonly string[];
}

export interface OidcRule {
  /** Every claim has to match one of its patterns, as `matchesWildcard` takes them. Never empty. */
  readonly when: Readonly<Record<string, readonly string[]>>;
  /** Globs of `<upstream>/<repository>`. */
  readonly grants: readonly string[];
}

// Selects the requests for a fault or a count. Omitted fields match every request.
import type { Endpoint, Host, Target } from './target.ts';

export interface RequestMatcher {
  readonly host?: Host;
  readonly method?: string;
  readonly endpoint?: Endpoint;
  readonly repository?: string;
  /** The tag or digest in the path. */
  readonly reference?: string;
  /** The digest in the path, or the digest that the tag in the path named at the time of the request. */
  readonly digest?: string;
  readonly path?: RegExp;
}

export function matches(matcher: RequestMatcher, target: Target): boolean {
  return (
    (matcher.host === undefined || matcher.host === target.host) &&
    (matcher.method === undefined || matcher.method === target.method) &&
    (matcher.endpoint === undefined || matcher.endpoint === target.endpoint) &&
    (matcher.repository === undefined || matcher.repository === target.repository) &&
    (matcher.reference === undefined || matcher.reference === target.reference) &&
    (matcher.digest === undefined || matcher.digest === target.digest) &&
    (matcher.path === undefined || matcher.path.test(target.path))
  );
}

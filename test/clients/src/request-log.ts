// Reads requests from the output of a registry. Cistern's access log has the combined format, docker-registry's log has
// `key=value` pairs.

export interface LoggedRequest {
  readonly method: string;
  readonly path: string;
  /** The value of `?ns=`. */
  readonly ns: string | undefined;
  readonly status: number;
}

const combinedFormat = /^\S+ - \S+ \[[^\]]+\] "([A-Z]+) (\S+) HTTP\/[\d.]+" (\d+) /;

/** Returns Cistern's requests, in the order in which their responses ended. */
export function cisternRequests(lines: readonly string[]): LoggedRequest[] {
  return lines.flatMap((line) => {
    const [, method, target, status] = combinedFormat.exec(line) ?? [];
    return loggedRequest(method, target, status);
  });
}

/** Returns docker-registry's requests, in the order in which their responses ended. */
export function dockerRegistryRequests(lines: readonly string[]): LoggedRequest[] {
  return lines
    .filter((line) => line.includes('msg="response completed'))
    .flatMap((line) => {
      const value = (key: string) => new RegExp(` http\\.${key}="?([^" ]+)`).exec(line)?.[1];
      return loggedRequest(value('request\\.method'), value('request\\.uri'), value('response\\.status'));
    });
}

/** Returns the GETs of manifests and blobs, which are expensive for an upstream. A HEAD only checks a tag. */
export function contentGets(requests: readonly LoggedRequest[]): LoggedRequest[] {
  return requests.filter((request) => request.method === 'GET' && /\/(?:manifests|blobs)\//.test(request.path));
}

function loggedRequest(method = '', target = '', status = ''): LoggedRequest[] {
  if (method === '' || target === '' || status === '') return [];
  const { pathname, searchParams } = new URL(target, 'http://registry.invalid');
  return [{ method, path: pathname, ns: searchParams.get('ns') ?? undefined, status: Number(status) }];
}

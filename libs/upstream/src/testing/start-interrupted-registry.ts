// Starts a registry that a test makes unreachable, and an upstream for it whose circuit breaker the test observes.
import type { LookupFunction } from 'node:net';
import type { TestContext } from 'node:test';
import { isCacheError } from '@cistern/errors';
import { parseReference, parseRepositoryName } from '@cistern/oci';
import type { BreakerPauses } from '../health/breaker.ts';
import { openOn, startServer } from './scripted-server.ts';

export const repository = parseRepositoryName('a/b');
const latest = parseReference('latest');
export const breakerPauses = { firstMs: 20, longestMs: 40 };

/** Starts a registry that answers all requests with `status()` while it is reachable, and opens an upstream on it. */
export async function startInterruptedRegistry(
  t: TestContext,
  status: (path: string) => number = () => 200,
  pauses: BreakerPauses | undefined = breakerPauses,
) {
  const server = await startServer(t, ({ url = '' }, response) => {
    // A Retry-After prevents retries.
    const headers = { 'retry-after': '1', 'content-length': 2, connection: 'close' };
    response.writeHead(url === '/v2/' ? 401 : status(url), headers).end('{}');
  });
  let isReachable = true;
  let laterMs = 0;
  const lookup: LookupFunction = (_host, options, found) => {
    if (!isReachable) found(Object.assign(new Error('not found'), { code: 'ENOTFOUND' }), '');
    else if (options.all) found(null, [{ address: '127.0.0.1', family: 4 }]);
    else found(null, '127.0.0.1', 4);
  };
  const setReachable = (to: boolean): void => void (isReachable = to);
  const wait = (ms: number): void => void (laterMs += ms);
  const opened = openOn(t, `http://registry.example:${server.port}`, {
    lookup,
    breakerPauses: pauses,
    clock: () => Date.now() + laterMs,
  });
  const manifests = (): number => server.requests.filter(({ path }) => path.includes('/manifests/')).length;
  const pull = (name: string = repository): Promise<string> =>
    opened.upstream.getManifest(parseRepositoryName(name), latest).then(
      () => 'answered',
      (error: unknown) => (isCacheError(error) ? error.kind : String(error)),
    );
  const state = async (): Promise<number | undefined> =>
    (await opened.metrics.upstreamEndpointState.get()).values[0]?.value;
  return { ...opened, server, manifests, pull, state, setReachable, wait };
}

// Errors report when requests to the upstream resume.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CacheErrorKind, isCacheError } from '@cistern/errors';
import { parseReference, parseRepositoryName } from '@cistern/oci';
import { type Answer, openOn, startServer } from './testing/scripted-server.ts';
import type { Upstream } from './upstream.ts';

const repository = parseRepositoryName('a/b');
const latest = parseReference('latest');
const anonymous = { kind: 'anonymous' } as const;
const answers =
  (status: number, headers: Record<string, string>): Answer =>
  (_request, response) =>
    response.writeHead(status, { 'retry-after': '1', ...headers }).end();
const noPulls = { 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '0;w=21600' };
const pull = (upstream: Upstream) => upstream.getManifest(repository, latest);
const check = (upstream: Upstream) =>
  upstream.checkAccess(repository, { kind: 'manifest', reference: latest }, anonymous);
/** The token server, at the same address as the registry, answers 429. */
const throttlesTokens: Answer = (request, response) => {
  if (request.url?.startsWith('/token')) response.writeHead(429, { 'retry-after': '1' }).end();
  else
    response
      .writeHead(401, { 'www-authenticate': `Bearer realm="http://${request.headers.host}/token",service="x"` })
      .end();
};

const cases: readonly (readonly [string, Answer, (upstream: Upstream) => Promise<unknown>, CacheErrorKind])[] = [
  ['429', answers(429, {}), pull, 'upstream-rate-limited'],
  ['429 without pulls left', answers(429, noPulls), pull, 'upstream-rate-limited'],
  ["a token server's 429", throttlesTokens, pull, 'upstream-rate-limited'],
  ['429 to a caller', answers(429, {}), check, 'upstream-rate-limited'],
  ['503', answers(503, {}), pull, 'upstream-unreachable'],
];

for (const [name, answer, call, kind] of cases)
  test(`each error after ${name} with Retry-After: 1 has the time until requests resume`, async (t) => {
    let nowMs = Date.now();
    const server = await startServer(t, answer);
    const { upstream } = openOn(t, server.url, { clock: () => nowMs });
    const waitMsOf = async (): Promise<number> => {
      const error: unknown = await call(upstream).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      assert.ok(isCacheError(error, kind), String(error));
      return error.retryAfterMs ?? Number.NaN;
    };
    const firstMs = await waitMsOf();
    const sent = server.requests.length;
    assert.equal(await waitMsOf(), firstMs);
    nowMs += firstMs - 1;
    assert.equal(await waitMsOf(), 1);
    assert.equal(server.requests.length, sent);
    nowMs += 1;
    await waitMsOf();
    assert.ok(server.requests.length > sent);
  });

test('an open breaker reports the time until the next ping', async (t) => {
  const { upstream } = openOn(t, 'http://registry.example', {
    lookup: (_host, _options, found) => found(Object.assign(new Error('not found'), { code: 'ENOTFOUND' }), ''),
  });
  const waits: (number | undefined)[] = [];
  for (let calls = 0; calls < 6; calls += 1)
    await assert.rejects(pull(upstream), (error) => {
      assert.ok(isCacheError(error, 'upstream-unreachable'), String(error));
      waits.push(error.retryAfterMs);
      return true;
    });
  assert.deepEqual(waits.slice(0, 4), [undefined, undefined, undefined, undefined]);
  for (const waitMs of waits.slice(4)) assert.ok((waitMs ?? 0) > 700 && (waitMs ?? 0) <= 1_250, String(waitMs));
});

// A frontend with the content in memory gives the same responses, log lines and counts as one that has to open it.
import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import { test, type TestContext } from 'node:test';
import fc from 'fast-check';
import { digestOf } from '@cistern/oci';
import { until } from '@cistern/runtime/testing';
import { createMemoryPullThrough } from '../testing/memory-pull-through.ts';
import { sendRequest } from '../testing/send-request.ts';
import { startFrontend } from '../testing/start-frontend.ts';

/** Every byte value, so that no encoding goes unnoticed. */
const bytes = Buffer.from(Array.from({ length: 1500 }, (_, position) => position % 256));
const digest = digestOf(bytes);

async function startBoth(t: TestContext, trustedProxies: readonly string[]) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  const [opening, remembering] = await Promise.all(
    [false, true].map(async (isInMemory) => {
      const pullThrough = createMemoryPullThrough({ blobs: [bytes], manifests: [bytes], isInMemory });
      return { pullThrough, ...(await startFrontend(t, { pullThrough, trustedProxies })) };
    }),
  );
  return { opening: opening!, remembering: remembering!, agent };
}

const paths = fc
  .tuple(
    fc.constantFrom('', '/ghcr.io', '/unknown.test', '/UP%20'),
    fc.constantFrom('library/nginx', 'nginx', 'docker.io/library/nginx', 'ghcr.io/a/b', 'a/../b', 'UPPER', 'a%2Fb'),
    fc.constantFrom(
      'manifests/latest',
      `manifests/${digest}`,
      `blobs/${digest}`,
      'manifests/%6Catest',
      'manifests/-',
      'tags/list',
      `blobs/sha256:${'0'.repeat(64)}`,
    ),
    fc.constantFrom(
      '',
      '',
      '?ns=docker.io',
      '?ns=ghcr.io',
      '?ns=nowhere.test',
      '?ns=ghcr.io&ns=docker.io',
      '?x=1',
      '?',
    ),
  )
  .map(([prefix, name, rest, query]) => `${prefix}/v2/${name}/${rest}${query}`);

const fields = fc.record(
  {
    host: fc.constantFrom('cache.test', 'ghcr.test', 'GHCR.test:443'),
    'X-Request-Id': fc.constantFrom('abc-123', 'a b', 'x'.repeat(65)),
    'x-forwarded-for': fc.constantFrom('203.0.113.9', '203.0.113.9, 127.0.0.1', '::ffff:10.0.3.7', 'junk'),
    'x-forwarded-host': fc.constantFrom('ghcr.test', 'cache.test, ghcr.test'),
    'User-Agent': fc.constantFrom('docker/28', 'a "b"'),
    referer: fc.constantFrom('https://x.test/?token=s3cret'),
    authorization: fc.constantFrom('Basic YTpi', 'Bearer x'),
    range: fc.constantFrom('bytes=0-', 'bytes=10-19', 'bytes=200000-', 'lines=1'),
    'if-range': fc.constantFrom(`"${digest}"`, '"other"'),
    'if-none-match': fc.constantFrom(`"${digest}"`, '"other"', '*'),
    'Cache-Control': fc.constantFrom('no-cache', 'max-age=1'),
    'x-cistern-hop': fc.constantFrom('this-cluster', 'other'),
    connection: fc.constantFrom('close', 'keep-alive'),
    'content-length': fc.constant('0'),
  },
  { requiredKeys: ['host'] },
);

/** Facts that are different for each request. */
const ownFacts = new Set(['time', 'ms', 'firstByteMs', 'requestId']);

for (const trustedProxies of [[], ['127.0.0.0/8']])
  test(`arbitrary requests get the same response from memory (proxies: ${trustedProxies.length})`, async (t) => {
    const { opening, remembering, agent } = await startBoth(t, trustedProxies);
    let sent = 0;
    await fc.assert(
      fc.asyncProperty(fc.constantFrom('GET', 'GET', 'HEAD', 'PUT'), paths, fields, async (method, path, headers) => {
        const [opened, remembered] = await Promise.all(
          [opening, remembering].map(({ url }) => sendRequest(url + path, { method, headers, agent })),
        );
        const without = {
          date: '',
          ...(/^[\w.:-]{1,64}$/.test(headers['X-Request-Id'] ?? '') ? {} : { 'x-request-id': '' }),
        };
        assert.equal(remembered?.status, opened?.status);
        assert.deepEqual({ ...remembered?.headers, ...without }, { ...opened?.headers, ...without });
        assert.ok(remembered?.body.equals(opened?.body ?? Buffer.alloc(0)));
        sent += 1;
        await until(() => opening.log.length === sent && remembering.log.length === sent);
        const [line, otherLine] = [opening, remembering].map(({ log }) =>
          Object.fromEntries(Object.entries(log.at(-1) ?? {}).filter(([name]) => !ownFacts.has(name))),
        );
        assert.deepEqual(otherLine, line);
      }),
      { numRuns: 300 },
    );
    const counts = async ({ metrics }: typeof opening) => [
      (await metrics.requests.get()).values,
      (await metrics.responseBytes.get()).values,
      (await metrics.authentications.get()).values,
      (await metrics.requestsInFlight.get()).values,
    ];
    assert.deepEqual(await counts(remembering), await counts(opening));
  });

// Tests a cold image for many clients of a cluster, behind a registry that requires tokens.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { openUpstream, seededBytes } from '../src/open-stage.ts';
import { sendRequest } from '../src/send-request.ts';
import { until } from '../src/until.ts';
import { openCluster } from './open-cluster.ts';

const clients = 50;
const upstream = await openUpstream({ after }, { auth: { kind: 'bearer' } });
const layers = Array.from({ length: 5 }, (_, number) => seededBytes(50_000, `layer ${number}`));
const image = upstream.addImage('library/app', { tag: 'latest', layers });
const scheduled = await openUpstream({ after });
const config = {
  upstreams: {
    'docker.io': { url: upstream.url, default: true, timeouts: { silence: '10s' } },
    'quay.io': { url: scheduled.url },
  },
  // Prewarms from an upstream that needs no token.
  prewarm: { images: [{ image: 'quay.io/org/app', tags: ['none'] }] },
};
const cluster = await openCluster({ after }, { workers: 3, config });

test('fifty clients that pull a cold image through three workers at the same time cost one token', async () => {
  const paths = ['manifests/latest', ...image.layers.map(({ digest }) => `blobs/${digest}`)];
  const expected = [image.bytes, ...layers];
  await Promise.all(
    Array.from({ length: clients }, async (_, client) => {
      const { url } = cluster.frontends[client % cluster.frontends.length]!;
      await Promise.all(paths.map(async (path, part) => pull(`${url}/v2/library/app/${path}`, expected[part]!)));
    }),
  );
  assert.equal(upstream.count({ endpoint: 'token' }), 1);
});

/** Pulls like a client, which retries a 503. On a busy machine the retry succeeds. */
async function pull(url: string, expected: Buffer): Promise<void> {
  await until(url, async () => {
    const { status, body } = await sendRequest(url);
    if (status === 503) return false;
    assert.equal(status, 200);
    assert.ok(body.equals(expected));
    return true;
  });
}

// Two registries have the same repository and tag with different content. A request for one never gets the other's
// content.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { openCistern, openUpstream } from '../src/open-stage.ts';
import { sendRequest } from '../src/send-request.ts';

const hub = await openUpstream({ after });
const quay = await openUpstream({ after });
const cistern = await openCistern(
  { after },
  {
    config: {
      upstreams: {
        'docker.io': { url: hub.url, ttl: '0s', default: true },
        'quay.io': { url: quay.url, ttl: '0s', aliases: ['quay'], hosts: ['quay.cache.test'] },
      },
    },
  },
);
const ofHub = hub.addImage('library/app', { tag: 'latest', seed: 'hub' });
const ofQuay = quay.addImage('library/app', { tag: 'latest', seed: 'quay' });
quay.addImage('only/here', { tag: 'latest', seed: 'only' });

const requests = [
  ['no upstream name', '/v2/library/app/', '', 'docker.io'],
  ['one component, which is library/ at Docker Hub', '/v2/app/', '', 'docker.io'],
  ['ns', '/v2/library/app/', 'ns=docker.io', 'docker.io'],
  ['ns by an alias', '/v2/library/app/', 'ns=registry-1.docker.io', 'docker.io'],
  ['a prefix in the name', '/v2/docker.io/library/app/', '', 'docker.io'],
  ['a prefix in the name, one component', '/v2/docker.io/app/', '', 'docker.io'],
  ['a prefix before /v2/', '/docker.io/v2/library/app/', '', 'docker.io'],
  ['an alias before /v2/', '/index.docker.io/v2/app/', '', 'docker.io'],
  ['ns', '/v2/library/app/', 'ns=quay.io', 'quay.io'],
  ['ns in upper case', '/v2/library/app/', 'ns=QUAY.IO', 'quay.io'],
  ['a prefix in the name', '/v2/quay.io/library/app/', '', 'quay.io'],
  ['a prefix before /v2/', '/quay.io/v2/library/app/', '', 'quay.io'],
  ['an alias', '/v2/quay/library/app/', '', 'quay.io'],
  ['a prefix and ns that agree', '/v2/quay.io/library/app/', 'ns=quay.io', 'quay.io'],
  ['a prefix before /v2/ and ns that agree', '/quay.io/v2/library/app/', 'ns=quay.io', 'quay.io'],
] as const;

const urlOf = (path: string, rest: string, query: string) => `${cistern.url}${path}${rest}?${query}`;

for (const [what, path, query, upstream] of requests)
  test(`${what} reaches ${upstream}: ${path}?${query}`, async () => {
    const [own, other] = upstream === 'docker.io' ? [ofHub, ofQuay] : [ofQuay, ofHub];
    for (const reference of ['latest', own.digest]) {
      const manifest = await sendRequest(urlOf(path, `manifests/${reference}`, query));
      assert.equal(manifest.headers['x-cistern-upstream'], upstream);
      assert.equal(manifest.headers['docker-content-digest'], own.digest);
      assert.ok(manifest.body.equals(own.bytes));
    }
    assert.equal((await sendRequest(urlOf(path, `blobs/${own.layers[0]!.digest}`, query))).status, 200);
    assert.equal(
      (await sendRequest(urlOf(path, `manifests/${other.digest}`, query))).status,
      404,
      "the other upstream's manifest",
    );
  });

test('the Host header reaches the upstream it is mapped to', async () => {
  const answer = await sendRequest(`${cistern.url}/v2/library/app/manifests/latest`, {
    headers: { host: 'quay.cache.test:5000' },
  });
  assert.ok(answer.body.equals(ofQuay.bytes));
});

test('a name of one component means library/ only at Docker Hub', async () => {
  assert.equal((await sendRequest(`${cistern.url}/v2/app/manifests/latest?ns=quay.io`)).status, 404);
  assert.ok(quay.requests().some(({ repository }) => repository === 'app'));
});

test('a shared blob is fetched from the upstream of the first request, and the other upstream confirms that it holds the blob', async () => {
  const shared = Buffer.from('a layer that both registries hold');
  const [first, second] = [hub, quay].map((upstream) =>
    upstream.addImage('library/shared', { tag: 'latest', layers: [shared], seed: upstream.url }),
  );
  const digest = first!.layers[0]!.digest;
  assert.equal(second!.layers[0]!.digest, digest);
  for (const ns of ['docker.io', 'quay.io'] as const) {
    await sendRequest(`${cistern.url}/v2/library/shared/manifests/latest?ns=${ns}`);
    const answer = await sendRequest(`${cistern.url}/v2/library/shared/blobs/${digest}?ns=${ns}`);
    assert.ok(answer.body.equals(shared));
  }
  assert.equal(hub.count({ digest, method: 'GET' }), 1);
  assert.deepEqual([quay.count({ digest, method: 'GET' }), quay.count({ digest, method: 'HEAD' })], [0, 1]);
});

test('each upstream got only requests for its own content', () => {
  assert.equal(hub.count({ reference: ofQuay.layers[0]!.digest }), 0);
  assert.ok(hub.requests().every(({ repository = '' }) => repository.startsWith('library/')));
});

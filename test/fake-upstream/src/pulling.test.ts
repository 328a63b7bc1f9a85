import assert from 'node:assert/strict';
import { type Digest, digestOf } from '@cistern/oci';
import { test } from 'node:test';
import { exchange } from './exchange.ts';
import { withFakeUpstream } from './with-fake-upstream.ts';

interface Manifest {
  readonly config: { readonly digest: Digest; readonly mediaType: string };
  readonly layers: readonly { readonly digest: Digest; readonly mediaType: string; readonly size: number }[];
}

for (const mediaTypes of ['oci', 'docker'] as const)
  for (const algorithm of ['sha256', 'sha512'] as const)
    test(`an image with ${mediaTypes} media types and ${algorithm} digests can be pulled`, () =>
      withFakeUpstream({}, async (upstream) => {
        const layers = [{ size: 300_000, seed: 1 }, Buffer.from('raw bytes')];
        const image = upstream.addImage('library/app', { tag: '1', mediaTypes, algorithm, layers });
        const index = upstream.addIndex('library/app', { tag: 'latest', images: [image], mediaTypes, algorithm });
        const pulledIndex = await exchange(`${upstream.url}/v2/library/app/manifests/latest`);
        assert.equal(pulledIndex.headers['content-type'], index.mediaType);
        assert.match(index.mediaType, mediaTypes === 'oci' ? /image\.index/ : /manifest\.list/);
        const children = JSON.parse(pulledIndex.body.toString()) as { manifests: { digest: Digest }[] };
        assert.deepEqual(
          children.manifests.map(({ digest }) => digest),
          [image.digest],
        );
        const pulled = await exchange(`${upstream.url}/v2/library/app/manifests/${image.digest}`);
        assert.equal(digestOf(pulled.body, algorithm), image.digest);
        const manifest = JSON.parse(pulled.body.toString()) as Manifest;
        for (const { digest } of [manifest.config, ...manifest.layers]) {
          const blob = await exchange(`${upstream.url}/v2/library/app/blobs/${digest}`);
          assert.equal(digestOf(blob.body, algorithm), digest);
        }
        assert.deepEqual(manifest.layers, image.layers);
      }));

test('images with different seeds have different digests', () =>
  withFakeUpstream({}, async (upstream) => {
    const [first, second] = [upstream.addImage('a', { seed: 1 }), upstream.addImage('a', { seed: 2 })];
    assert.notEqual(first.digest, second.digest);
    assert.notEqual(first.layers[0]?.digest, second.layers[0]?.digest);
  }));

test('a schema 1 image is served with its own media type', () =>
  withFakeUpstream({}, async (upstream) => {
    const { layers } = upstream.addSchema1Image('old', { tag: '2014' });
    const pulled = await exchange(`${upstream.url}/v2/old/manifests/2014`);
    assert.equal(pulled.headers['content-type'], 'application/vnd.docker.distribution.manifest.v1+prettyjws');
    assert.equal((await exchange(`${upstream.url}/v2/old/blobs/${layers[0]}`)).status, 200);
  }));

test('HEAD and GET of a manifest have the same headers', () =>
  withFakeUpstream({}, async (upstream) => {
    const image = upstream.addImage('app', { tag: '1' });
    const url = `${upstream.url}/v2/app/manifests/1`;
    const [head, get] = [await exchange(url, { method: 'HEAD' }), await exchange(url)];
    const facts = ({ headers }: typeof head) =>
      ['content-type', 'content-length', 'docker-content-digest', 'etag'].map((name) => headers[name]);
    assert.deepEqual(facts(head), [image.mediaType, String(image.size), image.digest, `"${image.digest}"`]);
    assert.deepEqual(facts(get), facts(head));
    assert.equal(head.body.length, 0);
    const unchanged = await exchange(url, { headers: { 'if-none-match': `"${image.digest}"` } });
    assert.equal(unchanged.status, 304);
  }));

test('tags move, and deleted content is unknown', () =>
  withFakeUpstream({}, async (upstream) => {
    const first = upstream.addImage('app', { tag: 'latest', seed: 1 });
    const second = upstream.addImage('app', { seed: 2 });
    const status = async (path: string) => (await exchange(`${upstream.url}/v2/${path}`)).status;
    const named = async () =>
      (await exchange(`${upstream.url}/v2/app/manifests/latest`)).headers['docker-content-digest'];
    assert.equal(await named(), first.digest);
    upstream.setTag('app', 'latest', second.digest);
    assert.equal(await named(), second.digest);
    upstream.deleteTag('app', 'latest');
    assert.equal(await status('app/manifests/latest'), 404);
    upstream.deleteManifest('app', first.digest);
    assert.equal(await status(`app/manifests/${first.digest}`), 404);
    assert.equal(await status(`app/blobs/${second.config.digest}`), 200);
    upstream.deleteBlob('app', second.config.digest);
    assert.equal(await status(`app/blobs/${second.config.digest}`), 404);
    upstream.deleteRepository('app');
    const gone = await exchange(`${upstream.url}/v2/app/tags/list`);
    assert.equal(gone.status, 404);
    assert.match(gone.body.toString(), /NAME_UNKNOWN/);
  }));

test('pushing is unsupported, and other paths are unknown', () =>
  withFakeUpstream({}, async (upstream) => {
    upstream.addImage('app');
    assert.equal((await exchange(`${upstream.url}/v2/app/blobs/uploads/`, { method: 'POST' })).status, 405);
    assert.equal((await exchange(`${upstream.url}/v2/app`)).status, 404);
    assert.equal((await exchange(`${upstream.url}/v2/app/tags/%`)).status, 404);
    assert.equal((await exchange(`${upstream.url}/v2/`)).body.toString(), '{}');
  }));

test('a request for a range gets exactly that range', () =>
  withFakeUpstream({}, async (upstream) => {
    const { digest } = upstream.addBlob('app', Buffer.from('0123456789'));
    const send = (headers: Record<string, string>, method = 'GET') =>
      exchange(`${upstream.url}/v2/app/blobs/${digest}`, { headers, method });
    for (const [range, status, body, contentRange] of [
      ['bytes=2-4', 206, '234', 'bytes 2-4/10'],
      ['bytes=7-', 206, '789', 'bytes 7-9/10'],
      ['bytes=7-100', 206, '789', 'bytes 7-9/10'],
      ['bytes=-3', 206, '789', 'bytes 7-9/10'],
      ['bytes=10-', 416, '', 'bytes */10'],
      ['bytes=0-1,4-5', 200, '0123456789', undefined],
      ['lines=1-2', 200, '0123456789', undefined],
    ] as const) {
      const answer = await send({ range });
      assert.deepEqual([range, answer.status, answer.body.toString()], [range, status, body]);
      assert.equal(answer.headers['content-range'], contentRange);
      assert.equal(answer.headers['content-length'], String(body.length));
    }
    assert.equal((await send({ range: 'bytes=2-4', 'if-match': `"${digest}"` })).status, 206);
    assert.equal((await send({ range: 'bytes=2-4', 'if-match': '"other"' })).status, 412);
    assert.equal((await send({ range: 'bytes=2-4', 'if-range': '"other"' })).status, 200);
    const head = await send({}, 'HEAD');
    assert.deepEqual(
      [head.status, head.headers['content-length'], head.headers['docker-content-digest']],
      [200, '10', digest],
    );
  }));

test('tags are listed in pages', () =>
  withFakeUpstream({ maxPerPage: 3 }, async (upstream) => {
    for (const tag of ['b', 'a', 'D', 'c', 'e']) upstream.addImage('app', { tag });
    const seen: string[][] = [];
    let next: string | undefined = '/v2/app/tags/list?n=2';
    while (next !== undefined) {
      const answer: Awaited<ReturnType<typeof exchange>> = await exchange(`${upstream.url}${next}`);
      seen.push((JSON.parse(answer.body.toString()) as { tags: string[] }).tags);
      next = /^<(.+)>; rel="next"$/.exec((answer.headers.link as string | undefined) ?? '')?.[1];
    }
    assert.deepEqual(seen, [['D', 'a'], ['b', 'c'], ['e']]);
    const all = await exchange(`${upstream.url}/v2/app/tags/list`);
    assert.deepEqual(JSON.parse(all.body.toString()), { name: 'app', tags: ['D', 'a', 'b'] });
  }));

test('referrers are listed and filtered', () =>
  withFakeUpstream({ maxPerPage: 2 }, async (upstream) => {
    const subject = upstream.addImage('app');
    const signature = upstream.addReferrer('app', { subject, artifactType: 'application/signature' });
    for (const name of ['x', 'y'])
      upstream.addReferrer('app', { subject, artifactType: 'application/sbom', annotations: { name } });
    const list = async (query: string) => {
      const answer = await exchange(`${upstream.url}/v2/app/referrers/${subject.digest}${query}`);
      const { manifests } = JSON.parse(answer.body.toString()) as {
        manifests: { digest: string; artifactType: string }[];
      };
      return { ...answer, manifests };
    };
    const filtered = await list('?artifactType=application/signature');
    assert.deepEqual(
      filtered.manifests.map(({ digest }) => digest),
      [signature.digest],
    );
    assert.equal(filtered.headers['oci-filters-applied'], 'artifactType');
    assert.equal(filtered.headers['content-type'], 'application/vnd.oci.image.index.v1+json');
    const first = await list('');
    assert.equal(first.manifests.length, 2);
    assert.match(String(first.headers.link), /^<\/v2\/app\/referrers\/sha256:[0-9a-f]+\?last=/);
    const none = await exchange(`${upstream.url}/v2/app/referrers/${signature.digest}`);
    assert.deepEqual((JSON.parse(none.body.toString()) as { manifests: unknown[] }).manifests, []);
  }));

test('an upstream without referrers responds with 404', () =>
  withFakeUpstream({ referrers: false }, async (upstream) => {
    const { digest } = upstream.addImage('app');
    assert.equal((await exchange(`${upstream.url}/v2/app/referrers/${digest}`)).status, 404);
  }));

// Tests lists, referrers, sha512 content and manifests of an obsolete format: the cache passes the upstream's content
// on unchanged.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { ociTypes, schema1Type } from '@cistern/fake-upstream';
import { openStage } from '../src/open-stage.ts';
import { type Answer, sendRequest } from '../src/send-request.ts';

/** Follows `Link: <…>; rel="next"` from the first page to the last. */
async function allPages(url: string): Promise<Answer[]> {
  const { origin } = new URL(url);
  const pages: Answer[] = [];
  for (let next: string | undefined = url; next !== undefined;) {
    const answer: Answer = await sendRequest(next);
    assert.equal(answer.status, 200, answer.body.toString());
    pages.push(answer);
    const link = /^<([^>]+)>; rel="next"$/.exec(String(answer.headers['link'] ?? ''))?.[1];
    next = link === undefined ? undefined : new URL(link, origin).href;
  }
  return pages;
}

const tagsOf = (pages: readonly Answer[]) =>
  pages.map(({ body }) => (JSON.parse(body.toString()) as { name: string; tags: string[] }).tags);

/** Returns the digests that the pages of referrers list. */
const digestsOf = (pages: readonly Answer[]) =>
  pages.flatMap(({ body, headers }) => {
    assert.equal(headers['content-type'], ociTypes.index);
    return (JSON.parse(body.toString()) as { manifests: { digest: string }[] }).manifests.map(({ digest }) => digest);
  });

const sha512 = (bytes: Buffer) => `sha512:${createHash('sha512').update(bytes).digest('hex')}`;

test('tags pass page by page', async (t) => {
  const { upstream, cistern } = await openStage(t, { maxPerPage: 40 });
  const image = upstream.addImage('library/app');
  const tags = Array.from({ length: 100 }, (_, number) => `v${String(number).padStart(3, '0')}`);
  for (const tag of tags) upstream.setTag('library/app', tag, image.digest);

  for (const path of ['/v2/library/app', '/v2/docker.io/library/app', '/docker.io/v2/library/app']) {
    const pages = await allPages(`${cistern.url}${path}/tags/list?n=30`);
    assert.deepEqual(
      tagsOf(pages).map(({ length }) => length),
      [30, 30, 30, 10],
    );
    assert.deepEqual(tagsOf(pages).flat(), tags);
  }
  const byNs = await allPages(`${cistern.url}/v2/library/app/tags/list?ns=docker.io`);
  assert.deepEqual(tagsOf(byNs).flat(), tags, 'only the upstream limits the page, and ns stays in the link');
  const [after] = await allPages(`${cistern.url}/v2/library/app/tags/list?last=v097`);
  assert.deepEqual(tagsOf([after!]), [['v098', 'v099']]);
  const { name } = JSON.parse(after!.body.toString()) as { name: string };
  assert.equal(name, 'library/app');
});

test('referrers pass with their filter and their pages', async (t) => {
  const { upstream, cistern } = await openStage(t, { maxPerPage: 2 });
  const subject = upstream.addImage('library/app', { tag: 'latest' });
  const referrers = ['sig', 'sbom', 'sig', 'att', 'sig'].map((kind, number) =>
    upstream.addReferrer('library/app', {
      subject,
      artifactType: `application/vnd.test.${kind}`,
      payload: Buffer.from(String(number)),
    }),
  );
  const url = `${cistern.url}/v2/library/app/referrers/${subject.digest}`;
  const pages = await allPages(url);
  assert.equal(pages.length, 3);
  assert.deepEqual(digestsOf(pages).toSorted(), referrers.map(({ digest }) => digest).toSorted());

  const filtered = await allPages(`${url}?artifactType=application/vnd.test.sig`);
  assert.deepEqual(
    digestsOf(filtered).toSorted(),
    [referrers[0], referrers[2], referrers[4]].map((referrer) => referrer!.digest).toSorted(),
  );
  assert.equal(filtered[0]?.headers['oci-filters-applied'], 'artifactType');

  const signature = await sendRequest(`${cistern.url}/v2/library/app/manifests/${referrers[0]!.digest}`);
  assert.ok(signature.body.equals(referrers[0]!.bytes), 'listed content can be pulled');
});

test('an upstream without referrers gives a 404, and clients fall back to a tag', async (t) => {
  const { upstream, cistern } = await openStage(t, { referrers: false });
  const { digest } = upstream.addImage('library/app', { tag: 'latest' });
  const { status } = await sendRequest(`${cistern.url}/v2/library/app/referrers/${digest}`);
  assert.equal(status, 404);
});

test('sha512 content has its own digest on a MISS and on a HIT', async (t) => {
  const { upstream, cistern } = await openStage(t);
  const image = upstream.addImage('library/app', { tag: 'latest', algorithm: 'sha512' });
  for (let round = 0; round < 2; round += 1) {
    for (const reference of ['latest', image.digest]) {
      const manifest = await sendRequest(`${cistern.url}/v2/library/app/manifests/${reference}`);
      assert.equal(manifest.headers['docker-content-digest'], image.digest);
      assert.equal(sha512(manifest.body), image.digest);
    }
    const { digest } = image.layers[0]!;
    const blob = await sendRequest(`${cistern.url}/v2/library/app/blobs/${digest}`);
    assert.equal(blob.headers['docker-content-digest'], digest);
    assert.equal(sha512(blob.body), digest);
  }
  upstream.addFault({ endpoint: 'blob' }, { flipByteAt: 5 });
  const { digest } = upstream.addBlob('library/app', Buffer.from('to be damaged'), 'sha512');
  assert.equal((await sendRequest(`${cistern.url}/v2/library/app/blobs/${digest}`)).status, 502);
});

test('manifests have exactly the bytes that upstream sent', async (t) => {
  const { upstream, cistern } = await openStage(t);
  const signed = upstream.addSchema1Image('library/old', { tag: 'latest' });
  assert.equal(signed.mediaType, schema1Type);
  const config = upstream.addBlob('library/odd', Buffer.from('{}'));
  const odd = upstream.addManifest(
    'library/odd',
    Buffer.from(
      `{ "schemaVersion" : 2,\t"mediaType":"${ociTypes.manifest}",\n\n"future": [1e400, "\\u00e9"], "config":{"mediaType":"application/x","digest":"${config.digest}","size":2},"layers":[] }\n`,
    ),
    { mediaType: ociTypes.manifest, tag: 'latest' },
  );
  for (const { repository, digest, bytes, mediaType } of [signed, odd])
    for (const reference of ['latest', digest, 'latest'])
      for (const accept of ['*/*', 'application/json', ociTypes.index]) {
        const answer = await sendRequest(`${cistern.url}/v2/${repository}/manifests/${reference}`, {
          headers: { accept },
        });
        assert.equal(answer.status, 200, answer.body.toString());
        assert.equal(answer.headers['content-type'], mediaType);
        assert.equal(answer.headers['docker-content-digest'], digest);
        assert.ok(answer.body.equals(bytes));
      }
});

// Lists buckets with many pages, and buckets that also contain other objects.
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { digestHex, digestOf } from '@cistern/oci';
import { collect, rejectsAsUnavailable } from '../conformance/sample-blob.ts';
import { startScriptedServer } from './fixtures/scripted-server.ts';

const digests = ['a', 'b', 'c'].map((text) => digestOf(Buffer.from(text)));
const blobs = 'root/docker/registry/v2/blobs';
const hexes = digests.map((digest) => digestHex(digest));
const names = hexes.map((hex) => `${blobs}/sha256/${hex.slice(0, 2)}/${hex}/data`);

function page(keys: readonly string[], next?: string): string {
  const contents = keys.map(
    (key) =>
      `<Contents><Key>${encodeURIComponent(key)}</Key><Size>5</Size><ETag>"e"</ETag>` +
      '<LastModified>2024-01-01T00:00:00.000Z</LastModified></Contents>',
  );
  const token = next === undefined ? '' : `<NextContinuationToken>${next}</NextContinuationToken>`;
  return `<ListBucketResult><IsTruncated>${next !== undefined}</IsTruncated>${token}${contents.join('')}</ListBucketResult>`;
}

async function open(t: TestContext, pages: Readonly<Record<string, string>>) {
  const server = await startScriptedServer(t, (request, response) => {
    const { searchParams } = new URL(request.url ?? '', 'http://host');
    response.end(pages[searchParams.get('continuation-token') ?? '']);
  });
  return { server, store: await server.open({ rootDirectory: '/root/' }) };
}

test('a listing reads all pages, including empty ones, and requests only its prefix', async (t) => {
  const { server, store } = await open(t, {
    '': page(names.slice(0, 1), 'a12'),
    a12: page([], 'a/b+c'),
    'a/b+c': page(names.slice(1)),
  });
  const listed = await collect(store.list());
  const modifiedAtMs = Date.parse('2024-01-01');
  assert.deepEqual(
    listed,
    digests.map((digest) => ({ digest, size: 5, modifiedAtMs })),
  );
  assert.equal(server.requests.length, 3);
  for await (const { digest } of store.list()) if (digest === digests[0]) break;
  assert.equal(server.requests.length, 4);
});

test('a listing that ends without a continuation token is a failure', async (t) => {
  const { store } = await open(t, { '': page(names, '') });
  await rejectsAsUnavailable(async () => collect(store.list()));
});

test('only committed blobs are listed', async (t) => {
  const { store } = await open(t, {
    '': page([
      `${blobs}/`,
      `${blobs}/sha256/${hexes[0]?.slice(0, 2)}/${hexes[0]}/`,
      `${blobs}/sha256/zz/${hexes[0]}/data`,
      `${blobs}/sha256/ab/ab12/data`,
      `${blobs}/md5/ab/${'ab'.repeat(16)}/data`,
      `${names[0]}.tmp`,
      names[1] ?? '',
    ]),
  });
  assert.deepEqual(
    (await collect(store.list())).map((blob) => blob.digest),
    [digests[1]],
  );
});

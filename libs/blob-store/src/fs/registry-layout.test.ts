// Checks a store on a directory that this test writes in the layout of registry:2. test/single-node checks the same
// with a real registry:2.
import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import test from 'node:test';
import { digestHex, digestOf, parseRepositoryName, parseTag } from '@cistern/oci';
import { collect, readWhole } from '../conformance/sample-blob.ts';
import { putBytes } from '../put-bytes.ts';
import { registryRevisionLinkKey, registryTagLinkKey } from '../key-layout.ts';
import { openTemporaryStore } from './fixtures/open-temporary-store.ts';

const repository = parseRepositoryName('library/nginx');
const manifest = Buffer.from('{"schemaVersion":2}');
const digest = digestOf(manifest);
const hex = digestHex(digest);
const blobs = 'docker/registry/v2/blobs';
const repositoryRoot = 'docker/registry/v2/repositories/library/nginx';

async function writeFiles(root: string, files: Record<string, string | Buffer>): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  }
}

test('a cache that registry:2 filled is readable unchanged', async (t) => {
  const { root, store } = await openTemporaryStore(t);
  await writeFiles(root, {
    [`${blobs}/sha256/${hex.slice(0, 2)}/${hex}/data`]: manifest,
    [`${repositoryRoot}/_manifests/tags/1.27/current/link`]: digest,
    [`${repositoryRoot}/_manifests/tags/1.27/index/sha256/${hex}/link`]: digest,
    [`${repositoryRoot}/_manifests/revisions/sha256/${hex}/link`]: digest,
    'scheduler-state.json': '{}',
  });
  assert.deepEqual(await store.stat(digest), { size: manifest.length });
  assert.deepEqual(await readWhole(store, digest), manifest);
  for (const key of [registryTagLinkKey(repository, parseTag('1.27')), registryRevisionLinkKey(repository, digest)])
    assert.equal(Buffer.from((await store.readObject(key)) ?? []).toString(), digest);
  assert.deepEqual((await collect(store.listObjects('docker/registry/v2/repositories/'))).sort(), [
    `${repositoryRoot}/_manifests/revisions/sha256/${hex}/link`,
    `${repositoryRoot}/_manifests/tags/1.27/current/link`,
    `${repositoryRoot}/_manifests/tags/1.27/index/sha256/${hex}/link`,
  ]);
});

test('only committed blobs are listed', async (t) => {
  const { root, store } = await openTemporaryStore(t);
  const other = digestOf(Buffer.from('other'));
  await writeFiles(root, {
    [`${blobs}/sha256/${hex.slice(0, 2)}/${hex}/data`]: manifest,
    [`${blobs}/sha256/${hex.slice(0, 2)}/${hex}/data.tmp`]: 'left over',
    [`${blobs}/sha256/zz/${digestHex(other)}/data`]: 'under the wrong prefix',
    [`${blobs}/sha256/ab/ab12/data`]: 'hash is short',
    [`${blobs}/sha256/AB/${'AB'.repeat(32)}/data`]: 'upper case',
    [`${blobs}/sha256/cd/${'cd'.repeat(32)}/link`]: 'no data',
    [`${blobs}/sha256/ef/${'ef'.repeat(32)}/data/file`]: 'data is a directory',
    [`${blobs}/sha256/README`]: 'a file beside the directories',
    [`${blobs}/md5/ab/${'ab'.repeat(16)}/data`]: 'another algorithm',
    [`${repositoryRoot}/_uploads/8c1d/data`]: 'half an upload',
    [`${repositoryRoot}/_uploads/8c1d/startedat`]: '2024-01-01T00:00:00Z',
    [`${repositoryRoot}/_uploads/8c1d/hashstates/sha256/0`]: 'state',
  });
  const listed = await collect(store.list());
  assert.deepEqual(
    listed.map((blob) => [blob.digest, blob.size]),
    [[digest, manifest.length]],
  );
});

test('blobs and manifests are written to the paths of registry:2', async (t) => {
  const { root, store } = await openTemporaryStore(t);
  await putBytes(store, digest, manifest);
  assert.deepEqual(await readFile(join(root, blobs, 'sha256', hex.slice(0, 2), hex, 'data')), manifest);
  const long = digestOf(manifest, 'sha512');
  await putBytes(store, long, manifest);
  const longHex = digestHex(long);
  assert.deepEqual(await readFile(join(root, blobs, 'sha512', longHex.slice(0, 2), longHex, 'data')), manifest);
});

import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { type TestContext, test } from 'node:test';
import { createMemoryStore } from '@cistern/blob-store/memory';
import { createTestIndex, repositoryOf } from '@cistern/index/testing';
import { digestOf, formatLayoutIndex, layoutBlobPath, layoutIndexPath, mediaTypes, parseTag } from '@cistern/oci';
import { createUpstreamTable, resolveImage } from '@cistern/upstream';
import { rebuildIndex } from '@cistern/maintenance';
import { createLogger } from '@cistern/telemetry';
import { fileOf, imageOf, layoutOf, partOf, tarOf, type TestPart } from './testing/test-bundle.ts';
import { importBundle, type ImportOptions } from './import-bundle.ts';

const table = createUpstreamTable([{ name: 'docker.io', isDefault: true }, { name: 'quay.io' }]);
const name = 'docker.io/library/app:v1';
const key = repositoryOf('docker.io', 'library/app');
const tagKey = { ...key, tag: parseTag('v1') };
const [image, other] = [imageOf(1), imageOf(2)];
const times = { old: Date.UTC(2026, 0, 1), new: Date.UTC(2026, 1, 1) };
const changed = (atMs: number) => ({ 'dev.cistern.changed': new Date(atMs).toISOString() });

function openTarget() {
  const clock = { nowMs: Date.UTC(2026, 5, 1) };
  const now = () => clock.nowMs;
  const [index, store] = [createTestIndex({ now }), createMemoryStore()];
  const isEmpty = async () =>
    (await Array.fromAsync(store.list())).length === 0 &&
    (await Array.fromAsync(store.listObjects('cistern/'))).length === 0 &&
    (await index.blobs.totals()).blobs === 0;
  const run = async (t: TestContext, bytes: Buffer, options: Partial<ImportOptions> = {}) =>
    importBundle({
      path: await fileOf(t, bytes),
      index,
      store,
      now,
      resolve: (text) => resolveImage(table, text),
      overwrite: false,
      ...options,
    });
  return { index, store, now, isEmpty, run };
}

const good = [...layoutOf({ [name]: image }), ...image.parts];
const bundleOf = (named: Parameters<typeof layoutOf>[0], atMs?: number) =>
  tarOf([
    ...layoutOf(named, atMs === undefined ? {} : changed(atMs)),
    ...distinct(Object.values(named).flatMap(({ parts }) => parts)),
  ]);

function distinct(parts: readonly TestPart[]): TestPart[] {
  return [...new Map(parts.map((part) => [part.name, part])).values()];
}

test('an import stores blobs, manifests, links and tags as a fill does, and the store alone can restore them', async (t) => {
  const target = openTarget();
  const result = await target.run(t, await bundleOf({ [name]: image, 'quay.io/org/app:v2': other }, times.old));
  assert.deepEqual(
    result.images.map(({ name: named, result: how }) => [named, how]),
    [
      [name, 'added'],
      ['quay.io/org/app:v2', 'added'],
    ],
  );
  // Both images have this layer, but it is stored only one time.
  assert.equal(result.blobs, 5);
  const contentOf = async (index: typeof target.index) => ({
    totals: await index.blobs.totals(),
    links: await Promise.all(image.parts.map(({ bytes }) => index.links.get(key, digestOf(bytes)))),
    manifest: (await index.manifests.get(image.digest))?.mediaType,
    tag: await index.tags.get(tagKey).then((tag) => tag && [tag.digest, tag.changedAtMs, tag.sequence]),
    repositories: await index.links.repositories({ limit: 10 }),
  });
  const content = await contentOf(target.index);
  assert.deepEqual(content.totals.blobs, 7);
  assert.ok(content.links.every((link) => link !== undefined));
  assert.deepEqual(content.tag, [image.digest, times.old, 1]);
  assert.equal((await target.index.blobs.get(image.digest))?.verified, true);
  const { now, store } = target;
  const rebuilt = createTestIndex({ now });
  await rebuildIndex({ index: rebuilt, store, now, log: createLogger({ level: 'error', formatter: 'json' }) });
  assert.deepEqual(await contentOf(rebuilt), content);
});

test('a second import keeps every blob, and stores a damaged blob again', async (t) => {
  const { run, store, index } = openTarget();
  const bytes = await tarOf(good);
  await run(t, bytes);
  const again = await run(t, bytes);
  assert.deepEqual([again.images[0]?.result, again.blobs, again.blobsKept], ['unchanged', 3, 3]);
  const [layer] = image.layers;
  await store.remove(digestOf(layer!));
  assert.equal((await run(t, bytes)).blobsKept, 2);
  assert.equal((await store.stat(digestOf(layer!)))?.size, layer!.length);
  assert.equal((await index.tags.get(tagKey))?.sequence, 1);
});

test('a newer bundle moves a tag, and a bundle of lower or unknown age moves it only with overwrite', async (t) => {
  const { run, index } = openTarget();
  const digest = async () => (await index.tags.get(tagKey))?.digest;
  await run(t, await bundleOf({ [name]: image }, times.old));
  assert.equal((await run(t, await bundleOf({ [name]: other }, times.new))).images[0]?.result, 'moved');
  assert.equal(await digest(), other.digest);
  for (const bytes of [await bundleOf({ [name]: image }, times.old), await bundleOf({ [name]: image })]) {
    const [kept] = (await run(t, bytes)).images;
    assert.deepEqual([kept?.result, kept?.before?.digest], ['kept', other.digest]);
    assert.equal(await digest(), other.digest);
  }
  const [moved] = (await run(t, await bundleOf({ [name]: image }, times.old), { overwrite: true })).images;
  assert.equal(moved?.result, 'moved');
  assert.equal(await digest(), image.digest);
});

test('an index with the images of only some platforms is stored unchanged', async (t) => {
  const { run, index } = openTarget();
  const list = [image, other].map(({ digest, manifest }, at) => ({
    mediaType: mediaTypes.ociManifest,
    digest,
    size: manifest.length,
    platform: { os: 'linux', architecture: ['amd64', 'arm64'][at] },
  }));
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: list }));
  const entry = { mediaType: mediaTypes.ociIndex, digest: digestOf(bytes), size: bytes.length };
  const names = { annotations: { 'io.containerd.image.name': name } };
  const [, marker] = layoutOf({});
  const layout = { name: layoutIndexPath, bytes: Buffer.from(formatLayoutIndex([{ ...entry, ...names }])) };
  await run(t, await tarOf([...image.parts, partOf(bytes), layout, marker!]));
  assert.equal((await index.tags.get(tagKey))?.digest, entry.digest);
  assert.equal((await index.links.get(key, image.digest))?.platform, 'linux/amd64');
  assert.equal((await index.manifests.get(other.digest)) === undefined, true);
  await assert.rejects(run(t, await tarOf([partOf(bytes), layout, marker!])), /contains none of the images/);
});

test('an interrupted import leaves complete blobs and no tag, and the next one continues', async (t) => {
  const { run, index, store } = openTarget();
  const bytes = await tarOf(good);
  const interrupt = new AbortController();
  const onProgress = ({ bytesDone }: { readonly bytesDone: number }) => {
    if (bytesDone > 1_500_000) interrupt.abort(new Error('stop'));
  };
  await assert.rejects(run(t, bytes, { signal: interrupt.signal, onProgress }), /stop/);
  assert.equal(await index.tags.get(tagKey), undefined);
  const sizes = new Map(image.parts.map((part) => [digestOf(part.bytes), part.bytes.length]));
  for await (const { digest, size } of store.list()) assert.equal(sizes.get(digest), size);
  assert.ok((await run(t, bytes)).blobsKept > 0);
});

const layer = image.layers[1]!;
const flipped = Buffer.from(layer);
flipped[1234]! ^= 1;

test('a flipped byte is detected on its way into the store, and no tag is written', async (t) => {
  const { run, index, store } = openTarget();
  const parts = good.map((part) => (part.bytes === layer ? { ...part, bytes: flipped } : part));
  await assert.rejects(run(t, await tarOf(parts)), { kind: 'content-mismatch', message: /is damaged: the bytes/ });
  assert.equal(await store.stat(digestOf(layer)), undefined);
  assert.equal(await index.tags.get(tagKey), undefined);
  assert.deepEqual(await Array.fromAsync(store.listObjects('cistern/')), []);
});

const without = (part: string) => good.filter((one) => one.name !== part);
const [manifestPart] = image.parts;
const rejected: readonly (readonly [bundle: string, message: RegExp, bytes: () => Buffer | Promise<Buffer>])[] = [
  ['a file that is not an archive', /not a tar archive/, () => Buffer.alloc(2_000, 'x')],
  ['an empty file', /not an OCI image layout/, () => Buffer.alloc(0)],
  ['a compressed archive', /compressed: unpack it first/, async () => gzipSync(await tarOf(good))],
  [
    'an archive that ends early',
    /not a tar archive, or a damaged one/,
    async () => (await tarOf(good)).subarray(0, -9_000),
  ],
  ['another kind of archive', /not an OCI image layout: it has no oci-layout/, () => tarOf(without('oci-layout'))],
  ['a bundle without an index', /has no index\.json/, () => tarOf(without('index.json'))],
  ['a bundle without an image', /contains no image/, () => tarOf(layoutOf({}))],
  [
    'a bundle without a layer',
    /lacks sha256:.*, which docker\.io\/library\/app:v1 needs/,
    () => tarOf(without(partOf(layer).name)),
  ],
  ['a bundle without a manifest', /lacks sha256:/, () => tarOf(without(manifestPart!.name))],
  [
    'a layer of another size',
    /has 10 bytes of sha256:.*, and docker\.io\/library\/app:v1 needs 3000000/,
    () => tarOf(good.map((part) => (part.bytes === layer ? { ...part, bytes: layer.subarray(0, 10) } : part))),
  ],
  [
    'a manifest with other bytes',
    /is damaged/,
    () =>
      tarOf([...without(manifestPart!.name), { ...manifestPart!, bytes: Buffer.alloc(image.manifest.length, '{') }]),
  ],
  [
    'a path that leads up',
    /outside the archive/,
    () => tarOf([...good, { name: '../../etc/passwd', bytes: Buffer.from('x') }]),
  ],
  [
    'a path from the root',
    /outside the archive/,
    () => tarOf([...good, { name: '/etc/passwd', bytes: Buffer.from('x') }]),
  ],
  [
    'a link',
    /is not a file but a symlink/,
    () =>
      tarOf([
        ...good,
        { name: layoutBlobPath(other.digest), type: 'symlink', linkname: '/etc/passwd', bytes: Buffer.alloc(0) },
      ]),
  ],
  ['a repeated part', /twice/, () => tarOf([...good, good[0]!])],
  ['an image without a name', /does not name the image/, () => tarOf([...layoutOf({ v1: image }), ...image.parts])],
  ['an unknown upstream', /no upstream/, () => tarOf([...layoutOf({ 'example.com/a/b:1': image }), ...image.parts])],
  [
    'a name with the digest of another image',
    /gives sha256:.* the name/,
    () => tarOf([...layoutOf({ [`docker.io/library/app@${other.digest}`]: image }), ...image.parts]),
  ],
  [
    'a manifest above the size limit',
    /the limit is 4194304/,
    async () => {
      const bytes = Buffer.alloc(5_000_000, ' ');
      return tarOf([...layoutOf({ [name]: { ...image, digest: digestOf(bytes), manifest: bytes } }), partOf(bytes)]);
    },
  ],
  [
    'an invalid manifest',
    /has an invalid sha256:/,
    async () => {
      const bytes = Buffer.from('[]');
      return tarOf([...layoutOf({ [name]: { ...image, digest: digestOf(bytes), manifest: bytes } }), partOf(bytes)]);
    },
  ],
];

for (const [bundle, message, bytes] of rejected)
  test(`${bundle} is rejected before anything is written`, async (t) => {
    const { run, isEmpty } = openTarget();
    await assert.rejects(run(t, await bytes()), message);
    assert.ok(await isEmpty());
  });

test('a header with a larger size than the archive has costs no memory', async (t) => {
  const { run, isEmpty } = openTarget();
  const archive = await tarOf([{ name: 'index.json', bytes: Buffer.alloc(0) }]);
  // The header has a size of eight gigabytes, and a correct checksum.
  archive.write('77777777777\0', 124, 'latin1');
  archive.fill(' ', 148, 156);
  const sum = archive.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  archive.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  await assert.rejects(run(t, archive), /not a tar archive, or a damaged one/);
  assert.ok(await isEmpty());
});

import assert from 'node:assert/strict';
import { PassThrough, Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { putBytes } from '@cistern/blob-store';
import { type Digest, digestOf, layoutBlobPath, mediaTypes, parseLayoutIndex, parseReference } from '@cistern/oci';
import type { ResolvedImage } from '@cistern/upstream';
import { repositoryOf } from '@cistern/index/testing';
import { startTestCache } from '@cistern/pull-through/testing';
import { imageOf, type TestImage, fileOf } from './testing/test-bundle.ts';
import { until } from '@cistern/runtime/testing';
import { exportBundle, type ExportOptions } from './export-bundle.ts';
import { openBundleFile } from './open-bundle-file.ts';

const repository = 'library/app';
const key = repositoryOf('docker.io', repository);
const named = (reference: string): ResolvedImage => ({ ...key, reference: parseReference(reference) });
const platforms = ['amd64', 'arm64', 's390x'];

/**
 * The index `multi` lists three platforms, of which upstream no longer has the last. `v1` is an image for only the first
 * platform.
 */
async function start(t: TestContext) {
  const started = await startTestCache();
  t.after(() => started.close());
  const { hub, cache, index } = started;
  const images = platforms.map((_, at) => imageOf(at));
  const add = ({ manifest, parts }: TestImage, tag?: string) => {
    for (const { bytes } of parts) hub.addBlob(repository, bytes);
    return hub.addManifest(repository, tag, manifest, mediaTypes.ociManifest);
  };
  images.slice(0, 2).forEach((image) => add(image));
  add(images[0]!, 'v1');
  const manifests = images.map(({ digest, manifest }, at) => ({
    mediaType: mediaTypes.ociManifest,
    digest,
    size: manifest.length,
    platform: { os: 'linux', architecture: platforms[at] },
  }));
  const list = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }));
  hub.addManifest(repository, 'multi', list, mediaTypes.ociIndex);

  async function run(options: Pick<ExportOptions, 'images'> & Partial<ExportOptions>) {
    const absent: Digest[] = [];
    const output = new PassThrough();
    const bytes = buffer(output);
    bytes.catch(() => {});
    const progress = await exportBundle({
      cache,
      index,
      output,
      platforms: undefined,
      onAbsent: (digest) => absent.push(digest),
      ...options,
    });
    const archive = await bytes;
    const file = await openBundleFile(await fileOf(t, archive), undefined);
    t.after(() => file.close());
    return { archive, file, absent, progress };
  }
  return { ...started, images, list, run };
}

test('a bundle contains each listed part that upstream has one time, and missing manifests are reported', async (t) => {
  const { run, images, list, hub } = await start(t);
  const { file, absent, progress } = await run({ images: [named('multi'), named('v1')] });
  assert.deepEqual(absent, [images[2]!.digest]);
  const wanted = [list, ...images.slice(0, 2).flatMap(({ parts }) => parts.map(({ bytes }) => bytes))];
  const paths = [...new Set(wanted.map((bytes) => layoutBlobPath(digestOf(bytes))))];
  assert.deepEqual([...file.names].filter((name) => name.startsWith('blobs/')).sort(), paths.sort());
  for (const bytes of wanted) assert.deepEqual(await file.readWhole(layoutBlobPath(digestOf(bytes)), 1e7), bytes);
  assert.deepEqual([progress.parts, progress.partsDone, progress.bytesDone], [8, 8, progress.bytes]);
  assert.equal(hub.gets.length, new Set(hub.gets.map(({ digest }) => digest)).size);
  const entries = parseLayoutIndex(await file.readWhole('index.json', 1e6));
  for (const annotation of ['io.containerd.image.name', 'org.opencontainers.image.ref.name'])
    assert.deepEqual(
      entries.map(({ annotations }) => annotations[annotation]),
      ['docker.io/library/app:multi', 'docker.io/library/app:v1'],
    );
});

test('if platforms are chosen, only their content is pulled, and the index stays unchanged', async (t) => {
  const { run, images, list, hub } = await start(t);
  const { file } = await run({ images: [named('multi')], platforms: ['linux/arm64'] });
  const blobs = [...file.names].filter((name) => name.startsWith('blobs/'));
  assert.equal(blobs.length, 1 + images[1]!.parts.length);
  assert.ok(blobs.includes(layoutBlobPath(digestOf(list))));
  assert.ok(hub.gets.every(({ digest }) => images[1]!.parts.some(({ bytes }) => digestOf(bytes) === digest)));
  await assert.rejects(run({ images: [named('multi')], platforms: ['windows/amd64'] }), {
    kind: 'unsupported',
    message: /nothing for windows\/amd64: it lists linux\/amd64, linux\/arm64, linux\/s390x/,
  });
});

test('the same content gives the same archive on every export, for any order of images', async (t) => {
  const { run, clock } = await start(t);
  const first = await run({ images: [named('multi'), named('v1')] });
  clock.nowMs += 3_600_000;
  const again = await run({ images: [named('v1'), named('multi'), named('v1')] });
  assert.ok(first.archive.equals(again.archive));
});

test('cached bytes that do not match their digest fail the export', async (t) => {
  const { run, images, store, index } = await start(t);
  const [, layer] = images[0]!.layers;
  const digest = digestOf(layer!);
  await run({ images: [named('v1')] });
  await until(async () => (await index.blobs.get(digest))?.verified === true);
  await putBytes(store, digest, Buffer.alloc(layer!.length, 'x'));
  await assert.rejects(run({ images: [named('v1')] }), { kind: 'content-mismatch' });
});

test('an output that fails, or an abort, ends the export', async (t) => {
  const { run } = await start(t);
  const output = new Writable({
    write: (_chunk, _encoding, done) => done(new Error('the disk is full')),
  });
  await assert.rejects(run({ images: [named('v1')], output }), /the disk is full/);
  const interrupt = new AbortController();
  const stuck = new Writable({ write: () => interrupt.abort(new Error('stop')) });
  await assert.rejects(run({ images: [named('v1')], output: stuck, signal: interrupt.signal }), /stop|abort/i);
});

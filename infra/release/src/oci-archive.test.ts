import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { extract } from 'tar-stream';
import { fileOf } from './files.ts';
import { writeOciArchive } from './oci-archive.ts';
import { platformOf } from './platforms.ts';
import { writeTar } from './write-tar.ts';

const madeAt = new Date('2026-01-02T03:04:05Z');
const digestOf = (content: Buffer) => `sha256:${createHash('sha256').update(content).digest('hex')}`;

interface Descriptor {
  readonly digest: string;
  readonly size: number;
}

const pathOf = ({ digest }: Descriptor) => `blobs/${digest.replace(':', '/')}`;

async function openArchive() {
  const layers = await Promise.all(['lower', 'upper'].map((name) => writeTar([fileOf(name, name)], madeAt)));
  const options = { reference: 'cistern:1.2.3', platform: platformOf('arm64'), config: { Cmd: ['serve'] }, madeAt };
  const entries = extract();
  entries.end(await writeOciArchive(layers, options));
  const files = new Map<string, Buffer>();
  for await (const entry of entries) files.set(entry.header.name, await buffer(entry));
  const read = (path: string) => files.get(path) ?? assert.fail(`the archive has no ${path}`);
  const readJson = (path: string) => JSON.parse(read(path).toString());
  const blob = (descriptor: Descriptor) => {
    const content = read(pathOf(descriptor));
    assert.deepEqual([digestOf(content), content.length], [descriptor.digest, descriptor.size]);
    return content;
  };
  return { layers, files, readJson, blob };
}

test('an archive is an OCI image layout with the layers in their order', async () => {
  const { layers, files, readJson, blob } = await openArchive();
  assert.deepEqual(readJson('oci-layout'), { imageLayoutVersion: '1.0.0' });
  const [described] = readJson('index.json').manifests;
  assert.deepEqual(described.platform, { architecture: 'arm64', os: 'linux' });
  const manifest = JSON.parse(blob(described).toString());
  assert.deepEqual(
    manifest.layers.map((layer: Descriptor) => gunzipSync(blob(layer))),
    layers,
  );
  const config = JSON.parse(blob(manifest.config).toString());
  assert.deepEqual(config.rootfs.diff_ids, layers.map(digestOf));
  assert.deepEqual([config.architecture, config.config], ['arm64', { Cmd: ['serve'] }]);
  const blobs = [...files.keys()].filter((path) => /^blobs\/sha256\/./.test(path));
  assert.equal(blobs.length, 1 + 1 + layers.length);
});

test('docker finds the same image, under its reference', async () => {
  const { readJson, blob } = await openArchive();
  const { config, layers } = JSON.parse(blob(readJson('index.json').manifests[0]).toString());
  assert.deepEqual(readJson('manifest.json'), [
    { Config: pathOf(config), RepoTags: ['cistern:1.2.3'], Layers: layers.map(pathOf) },
  ]);
});

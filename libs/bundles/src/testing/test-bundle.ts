// Creates valid and invalid bundles for tests. A bundle is a list of the parts of its archive.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Digest,
  digestOf,
  formatLayoutIndex,
  layoutBlobPath,
  layoutIndexPath,
  layoutMarker,
  mediaTypes,
} from '@cistern/oci';
import { type Header, pack } from 'tar-stream';
import { bytesOf } from '@cistern/oci/testing';

export interface TestPart extends Partial<Omit<Header, 'size'>> {
  readonly name: string;
  readonly bytes: Buffer;
}

export interface TestImage {
  readonly digest: Digest;
  readonly manifest: Buffer;
  readonly layers: readonly Buffer[];
  /** Manifest, config and layers. */
  readonly parts: readonly TestPart[];
}

const layerType = 'application/vnd.oci.image.layer.v1.tar';

export function partOf(bytes: Buffer): TestPart {
  return { name: layoutBlobPath(digestOf(bytes)), bytes };
}

function describe(mediaType: string, bytes: Buffer) {
  return { mediaType, digest: digestOf(bytes), size: bytes.length };
}

/** Creates an image. Images with different seeds share one layer. */
export function imageOf(seed: number): TestImage {
  const layers = [bytesOf(70_000, 1), bytesOf(3_000_000, 100 + seed)];
  const config = Buffer.from(JSON.stringify({ seed }));
  const document = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: describe('application/vnd.oci.image.config.v1+json', config),
    layers: layers.map((bytes) => describe(layerType, bytes)),
  };
  const manifest = Buffer.from(JSON.stringify(document));
  return { digest: digestOf(manifest), manifest, layers, parts: [manifest, config, ...layers].map(partOf) };
}

/** Returns the two parts that every layout has. The keys of `images` are the names of the images. */
export function layoutOf(
  images: Readonly<Record<string, TestImage>>,
  annotations: Readonly<Record<string, string>> = {},
): readonly TestPart[] {
  const entries = Object.entries(images).map(([name, { digest, manifest }]) => ({
    mediaType: mediaTypes.ociManifest,
    digest,
    size: manifest.length,
    annotations: { 'org.opencontainers.image.ref.name': name, ...annotations },
  }));
  return [
    { name: layoutIndexPath, bytes: Buffer.from(formatLayoutIndex(entries)) },
    { name: layoutMarker.path, bytes: Buffer.from(layoutMarker.content) },
  ];
}

export async function tarOf(parts: readonly TestPart[]): Promise<Buffer> {
  const archive = pack();
  for (const { bytes, ...header } of parts) archive.entry(header, bytes);
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Writes a bundle to a file, which is removed after the test. */
export async function fileOf(t: { after(end: () => Promise<unknown>): void }, bytes: Buffer): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'cistern-bundle-'));
  t.after(() => rm(directory, { recursive: true }));
  const path = join(directory, 'bundle.tar');
  await writeFile(path, bytes);
  return path;
}

// Adds test images to a scripted upstream.
import { type Digest, type Tag, digestOf, mediaTypes, parseTag } from '@cistern/oci';
import type { ScriptedUpstream } from './scripted-upstream.ts';
import { bytesOf } from '@cistern/oci/testing';

export interface TestImage {
  readonly repository: string;
  readonly tag: Tag;
  readonly manifest: Digest;
  /** The configuration comes first. */
  readonly blobs: readonly Digest[];
  /** The digests of the blobs and of the manifest. */
  readonly digests: readonly Digest[];
  /** The size of manifest and blobs in bytes. */
  readonly size: number;
}

/** Layers are generated from seeds. The same seed always gives the same layer. */
export function addImage(
  hub: ScriptedUpstream,
  { repository, tag, layers, layerBytes = 100_000 }: ImageContent,
): TestImage {
  const parts = [bytesOf(200, hashOf(`${repository}:${tag}`)), ...layers.map((seed) => bytesOf(layerBytes, seed))];
  const [config, ...rest] = parts.map((bytes, position) => ({
    mediaType: `application/vnd.oci.image.${position === 0 ? 'config.v1+json' : 'layer.v1.tar'}`,
    digest: hub.addBlob(repository, bytes),
    size: bytes.length,
  }));
  const body = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: rest };
  const bytes = Buffer.from(JSON.stringify(body));
  const manifest = hub.addManifest(repository, tag, bytes, mediaTypes.ociManifest);
  const blobs = [config!, ...rest].map(({ digest }) => digest);
  const size = parts.reduce((sum, part) => sum + part.length, bytes.length);
  return { repository, tag: parseTag(tag), manifest, blobs, digests: [manifest, ...blobs], size };
}

export interface ImageContent {
  readonly repository: string;
  readonly tag: string;
  /** The seeds of the layers. */
  readonly layers: readonly number[];
  readonly layerBytes?: number;
}

function hashOf(text: string): number {
  return Number.parseInt(digestOf(Buffer.from(text)).slice(7, 15), 16);
}

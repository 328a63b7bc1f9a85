// Adds test images to a scripted upstream: one for each platform, in an index.
import { type Digest, digestOf, mediaTypes } from '@cistern/oci';
import type { ScriptedUpstream } from './scripted-upstream.ts';
import { bytesOf } from '@cistern/oci/testing';

export interface SampleImage {
  /** The digest of the index. */
  readonly digest: Digest;
  /** The manifest, configuration and layer of each platform. */
  readonly parts: Readonly<Record<string, { readonly manifest: Digest; readonly blobs: readonly Digest[] }>>;
}

/** Each `seed` gives a different image. A layer has `layerBytes` bytes. */
export function addSampleImage(
  hub: ScriptedUpstream,
  repository: string,
  tag: string,
  {
    seed,
    platforms = ['linux/amd64'],
    layerBytes = 300_000,
  }: {
    readonly seed: number;
    readonly platforms?: readonly string[];
    readonly layerBytes?: number;
  },
): SampleImage {
  const images = platforms.map((platform, at) => {
    const [os = '', architecture = '', variant] = platform.split('/');
    const contents = [bytesOf(2_000, seed + at), bytesOf(layerBytes, seed + at + 100)];
    const [config, layer] = contents.map((bytes) => ({
      mediaType: 'application/octet-stream',
      digest: hub.addBlob(repository, bytes),
      size: bytes.length,
    }));
    const bytes = bytesOfJson({ schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [layer] });
    const manifest = hub.addManifest(repository, undefined, bytes, mediaTypes.ociManifest);
    return {
      platform,
      manifest,
      blobs: contents.map((content) => digestOf(content)),
      entry: {
        mediaType: mediaTypes.ociManifest,
        digest: manifest,
        size: bytes.length,
        platform: { os, architecture, variant },
      },
    };
  });
  const index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: images.map(({ entry }) => entry) };
  return {
    digest: hub.addManifest(repository, tag, bytesOfJson(index), mediaTypes.ociIndex),
    parts: Object.fromEntries(images.map(({ platform, manifest, blobs }) => [platform, { manifest, blobs }])),
  };
}

function bytesOfJson(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

// Fills a directory with the real registry:2, run as a pull-through cache of a fake upstream.
import assert from 'node:assert/strict';
import { dockerTypes, type AddedImage, type AddedManifest, type FakeUpstream } from '@cistern/fake-upstream';
import { manifestAcceptHeader } from '@cistern/oci';
import { startDockerRegistry } from '@cistern/test-servers';
import { seededBytes } from '../src/open-stage.ts';
import { sendRequest } from '../src/send-request.ts';
import { storedDigests } from '../src/store-files.ts';
import { until } from '../src/until.ts';

export const accept = { accept: manifestAcceptHeader };

export interface WarmImages {
  readonly index: AddedManifest;
  readonly images: readonly AddedImage[];
  /** The layers and configs by digest. */
  readonly blobs: ReadonlyMap<string, Buffer>;
}

export const repository = 'library/app';

/**
 * Pulls all platforms of an image with the tag `latest` through registry:2, whose root directory is `rootDirectory`.
 */
export async function fillByDockerRegistry(upstream: FakeUpstream, rootDirectory: string): Promise<WarmImages> {
  const blobs = new Map<string, Buffer>();
  const images = ['amd64', 'arm64'].map((architecture) => {
    const layers = [1, 2].map((layer) => seededBytes(layer * 300_000, `${architecture} ${layer}`));
    const platform = { os: 'linux', architecture };
    const image = upstream.addImage(repository, { layers, platform, seed: architecture, mediaTypes: 'docker' });
    image.layers.forEach(({ digest }, position) => blobs.set(digest, layers[position]!));
    return image;
  });
  const index = upstream.addIndex(repository, { tag: 'latest', images, mediaTypes: 'docker' });
  assert.equal(index.mediaType, dockerTypes.index);

  const registry = await startDockerRegistry({ rootDirectory, proxy: { remoteurl: upstream.url } });
  try {
    const get = async (path: string) => {
      const answer = await sendRequest(`${registry.url}/v2/${repository}/${path}`, { headers: accept });
      assert.ok(answer.status === 200 && answer.complete, `${path}: ${answer.status}`);
      return answer.body;
    };
    assert.ok((await get('manifests/latest')).equals(index.bytes));
    for (const image of images) {
      assert.ok((await get(`manifests/${image.digest}`)).equals(image.bytes));
      blobs.set(image.config.digest, await get(`blobs/${image.config.digest}`));
      for (const { digest } of image.layers) assert.ok((await get(`blobs/${digest}`)).equals(blobs.get(digest)!));
    }
    // registry:2 stores a blob only after its response, so wait until all files exist.
    const wanted = [index.digest, ...images.map(({ digest }) => digest), ...blobs.keys()];
    await until('registry:2 has stored everything', async () => {
      const stored = new Set(await storedDigests(rootDirectory));
      return wanted.every((digest) => stored.has(digest));
    });
  } finally {
    await registry.close();
  }
  upstream.reset();
  return { index, images, blobs };
}

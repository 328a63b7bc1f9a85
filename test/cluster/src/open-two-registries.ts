// A cluster in front of two registries that clients know by name. Each registry has an image of the same name for two
// platforms.
import { strict as assert } from 'node:assert';
import type { Owner } from '@cistern/single-node/open-stage';
import { type AddedManifest, type FakeUpstream, startFakeUpstream } from '@cistern/fake-upstream';
import { startCluster } from '@cistern/test-servers';

export interface Registry {
  readonly name: 'docker.io' | 'quay.io';
  readonly upstream: FakeUpstream;
  readonly repository: string;
  /** The index of the image. */
  readonly image: AddedManifest;
}

export interface TwoRegistries {
  readonly registries: readonly [Registry, Registry];
  /** The URL of haproxy. */
  readonly url: string;
  /** The host and port of haproxy. */
  readonly cache: string;
}

/** The functions of a client under test, as in the suite of real clients. */
interface PullingClient {
  pull(reference: string): Promise<readonly string[]>;
  remove(reference: string): Promise<void>;
}

export const testTag = '1';
const mebibyte = 1024 * 1024;

/** Ended with its owner. Every call creates new images. */
export async function openTwoRegistries(owner: Owner): Promise<TwoRegistries> {
  const open = async (name: Registry['name']): Promise<Registry> => {
    const upstream = await startFakeUpstream({ auth: { kind: 'bearer' } });
    owner.after(() => upstream.close());
    const repository = 'library/app';
    const images = ['amd64', 'arm64'].map((architecture) =>
      upstream.addImage(repository, {
        platform: { os: 'linux', architecture },
        seed: `${name} ${architecture}`,
        layers: [1, 4, 20].map((size) => ({ size: size * mebibyte, seed: `${name} ${architecture} ${size}` })),
      }),
    );
    return { name, upstream, repository, image: upstream.addIndex(repository, { tag: testTag, images }) };
  };
  const registries = [await open('docker.io'), await open('quay.io')] as const;
  const cluster = await startCluster({
    upstreams: Object.fromEntries(registries.map(({ name, upstream }) => [name, upstream.url])),
  });
  owner.after(() => cluster.close());
  return { registries, url: cluster.url, cache: cluster.url.slice('http://'.length) };
}

/**
 * Pulls an image cold and then warm, or warm twice if another client has pulled it. The upstream sends each object only
 * once.
 */
export async function pullsTwice(
  client: PullingClient,
  { upstream, image }: Registry,
  reference: string,
): Promise<void> {
  const contentGets = () =>
    [
      ...upstream.requests({ method: 'GET', status: 200, endpoint: 'blob' }),
      ...upstream.requests({ method: 'GET', status: 200, endpoint: 'manifest' }),
    ].map(({ digest }) => digest);
  assert.ok((await client.pull(reference)).includes(image.digest), `${reference} is not ${image.digest}`);
  await client.remove(reference);
  const afterFirst = contentGets();
  assert.ok(afterFirst.length > 0);
  assert.equal(afterFirst.length, new Set(afterFirst).size, 'the upstream has sent an object twice');
  assert.ok((await client.pull(reference)).includes(image.digest), `${reference} is no longer ${image.digest}`);
  await client.remove(reference);
  assert.deepEqual(contentGets(), afterFirst, 'the upstream has sent an object for the second pull');
  assert.equal(upstream.count({ endpoint: 'token' }), 1);
}

// Starts the registry that all contenders cache: Debian's docker-registry, behind a link with limits and counters.
import { addImage, createContent, type ImageOptions, type SeededBytes, seededBody } from '@cistern/fake-upstream';
import { startDockerRegistry } from '@cistern/test-servers';
import { pushBlob, pushManifest } from './push.ts';
import { type StartedLink, startLink } from './start-link.ts';

export interface Added {
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
}

export interface AddedImage extends Added {
  readonly config: Added;
  readonly layers: readonly Added[];
}

/** Adding the same content again changes nothing and takes no time. */
export interface Upstream extends Omit<StartedLink, 'close'> {
  addBlob(repository: string, content: SeededBytes): Promise<Added>;
  /** Adds an image like `test/fake-upstream`. A layer of seeded bytes is an archive that can be unpacked. */
  addImage(repository: string, options: ImageOptions): Promise<AddedImage>;
  close(): Promise<void>;
}

/** Installs missing packages. The caller closes the upstream. */
export async function startUpstream(): Promise<Upstream> {
  const registry = await startDockerRegistry();
  const link = await startLink(registry.url).catch(async (error: unknown) => {
    await registry.close();
    throw error;
  });
  const known = new Map<string, Promise<unknown>>();
  const once = <T>(key: unknown, add: () => Promise<T>): Promise<T> => {
    const text = JSON.stringify(key);
    const added = (known.get(text) as Promise<T> | undefined) ?? add();
    known.set(text, added);
    return added;
  };

  async function pushImage(repository: string, options: ImageOptions): Promise<AddedImage> {
    const content = createContent();
    const image = addImage(content, repository, options);
    for (const [digest, body] of content.find(repository)?.blobs ?? [])
      await pushBlob({ registryUrl: registry.url, repository, digest, body });
    const { mediaType, bytes, digest } = image;
    await pushManifest({ registryUrl: registry.url, repository, reference: options.tag ?? digest, mediaType, bytes });
    return image;
  }

  return {
    ...link,
    addBlob: (repository, content) =>
      once([repository, content.size, content.seed], async () => {
        const { digest, size } = createContent().addBlob(repository, content);
        await pushBlob({ registryUrl: registry.url, repository, digest, body: seededBody(content) });
        return { digest, size };
      }),
    addImage: (repository, options) => once([repository, options], () => pushImage(repository, options)),
    async close() {
      await link.close();
      await registry.close();
    },
  };
}

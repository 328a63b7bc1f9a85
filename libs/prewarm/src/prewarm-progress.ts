// How far the fetching of an image is, told to whoever wants to watch. What is told may be lost.
import { type RepositoryKey, repositoryPath } from '@cistern/index';
import type { Digest } from '@cistern/oci';

export interface PrewarmProgress {
  /** Layers and configurations of the image, and how many of them are here. */
  readonly blobs: number;
  readonly blobsHere: number;
  readonly bytes: number;
  readonly bytesHere: number;
}

export function prewarmTopic(key: RepositoryKey, digest: Digest): string {
  return `prewarm ${repositoryPath(key)}@${digest}`;
}

/** `undefined` for what is none. */
export function parsePrewarmProgress(message: string | undefined): PrewarmProgress | undefined {
  try {
    return message === undefined ? undefined : (JSON.parse(message) as PrewarmProgress);
  } catch {
    return undefined;
  }
}

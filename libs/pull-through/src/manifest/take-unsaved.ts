// A manifest that the store did not take comes with the answer to the job that fetched it. Answers pass through Redis, so the bytes
// are hashed like those of the store.
import type { RepositoryKey } from '@cistern/index';
import type { JobName, UnsavedManifest } from '@cistern/jobs';
import { digestAlgorithm, digestOf, isDigest } from '@cistern/oci';
import type { Logger } from '@cistern/telemetry';
import type { ManifestCache } from '@cistern/content';

/** Bytes with another digest than `unsaved` names are left out and logged: the caller goes on as after an answer without any. */
export type TakeUnsaved = (job: JobName, key: RepositoryKey, unsaved: UnsavedManifest | null) => void;

export function createTakeUnsaved(deps: { readonly manifests: ManifestCache; readonly log: Logger }): TakeUnsaved {
  const { manifests, log } = deps;
  // Requests that share a job share its answer: it is hashed once, and logged once.
  const seen = new WeakSet<UnsavedManifest>();

  return (job, { upstream, repository }, unsaved) => {
    if (unsaved === null || seen.has(unsaved)) return;
    seen.add(unsaved);
    const { digest, mediaType, bytesBase64 } = unsaved;
    const bytes = Buffer.from(bytesBase64, 'base64');
    const actual = digestOf(bytes, isDigest(digest) ? digestAlgorithm(digest) : 'sha256');
    if (actual === digest) manifests.set(digest, { mediaType, bytes });
    else log.error({ job, upstream, repository, digest, actual }, 'job answered with a manifest of another digest');
  };
}

// Wraps a store so that a test can delay or reject its commits.
import type { BlobStore } from '@cistern/blob-store';

type Commit = () => Promise<void>;

/** Wraps `inner`. Each step that makes a blob visible is given to `pass`, which decides whether to run the step. */
export function wrapCommits(inner: BlobStore, pass: (commit: Commit) => Promise<void>): BlobStore {
  const { adoptFile } = inner;
  return {
    ...inner,
    put: (...given) => pass(() => inner.put(...given)),
    async beginUpload(...given) {
      const upload = await inner.beginUpload(...given);
      return { ...upload, complete: () => pass(() => upload.complete()) };
    },
    ...(adoptFile !== undefined && { adoptFile: (...given) => pass(() => adoptFile(...given)) }),
  };
}

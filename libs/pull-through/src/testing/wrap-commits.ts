// A store whose commits a test holds up or refuses.
import type { BlobStore } from '@cistern/blob-store';

type Commit = () => Promise<void>;

/** `inner`, but each step that makes a blob visible is given to `pass`, which performs it or not. */
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

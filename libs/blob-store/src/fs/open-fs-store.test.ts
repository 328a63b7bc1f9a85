import { mkdtemp, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { blobKey } from '../key-layout.ts';
import { describeBlobStore } from '../conformance.ts';
import { openFsStore } from './open-fs-store.ts';

describeBlobStore('fs', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'cistern-fs-'));
  t.after(async () => {
    await rm(root, { recursive: true, force: true });
    await rm(`${root}.away`, { recursive: true, force: true });
  });
  async function open() {
    const store = await openFsStore({ root, log: console });
    t.after(async () => store.close());
    return store;
  }
  return {
    store: await open(),
    reopen: open,
    truncate: async (digest, size) => truncate(join(root, blobKey(digest)), size),
    fail: async () => {
      await rename(root, `${root}.away`);
      await writeFile(root, 'not a directory');
    },
  };
});

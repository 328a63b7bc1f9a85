// The store that all processes of a simulated cluster share: a store in memory, an S3 server or a directory. Each
// process uses the last two through the product's own adapter. Calls of the store in memory are events.
import type { BlobStore } from '@cistern/blob-store';
import type { Digest } from '@cistern/oci';
import { createMemoryContents, createMemoryStore } from '@cistern/blob-store/memory';
import { openS3Store } from '@cistern/blob-store/s3';
import { type SimulatedS3, startSimulatedS3 } from '../s3/start-simulated-s3.ts';
import type { Random } from '../world/random.ts';
import { type RemoteLink, asRemote } from './remote-part.ts';
import { createDirectory } from './shared-directory.ts';
import { type StoredBlobs, digestOfKey, memoryBlobs, s3Blobs } from './stored-blobs.ts';
import { type Ending, watchCommits } from './watch-commits.ts';

export interface SharedStore {
  readonly stored: StoredBlobs;
  /** Set if the store is an S3 server. */
  readonly s3: SimulatedS3 | undefined;
  /** Called when a process learns that a blob is committed. `isThere` is true if the whole blob is in the store. */
  onCommitted: ((digest: Digest, isThere: boolean) => void) | undefined;
  /**
   * Called when a process begins to make a blob visible or to abort an upload, and after a sweeper aborted an upload.
   */
  onEnding: ((ending: StoreEnding) => void) | undefined;
  /** Called in the process that uses the store. */
  open(link: RemoteLink): Promise<OpenedStore>;
}

/** `sweep` means that a sweeper has aborted the upload. */
export type StoreEnding = Ending | (Pick<Ending, 'digest' | 'uploadId'> & { readonly kind: 'sweep' });

interface OpenedStore {
  readonly store: BlobStore;
  close(): Promise<void>;
}

const bucket = 'cistern';
/** Age from which sweepers abort uploads. In a simulation every upload has this age. */
const uploadAgeMs = 24 * 3_600_000;

export function createSharedMemory(): SharedStore {
  const contents = createMemoryContents();
  const store = createMemoryStore({ contents });
  return watched({
    stored: memoryBlobs(contents),
    s3: undefined,
    open: async (link) => ({ store: asRemote(store, link, 'store'), async close() {} }),
  });
}

/** `random` decides which requests the faults of the server hit. */
export async function startSharedS3(random: Random): Promise<SharedStore> {
  const s3 = await startSimulatedS3(random);
  const { contents } = s3;
  // The segments of a run are smaller than the parts that S3 accepts.
  contents.minPartBytes = 1;
  contents.uploadAgeMs = uploadAgeMs;
  const shared = watched({
    stored: s3Blobs(contents, bucket),
    s3,
    open: () => opened(openBucket(s3.endpoint)),
  });
  contents.onAborted = (key, uploadId) => {
    const digest = digestOfKey(key);
    if (digest !== undefined && !shared.aborted.has(uploadId)) shared.onEnding?.({ kind: 'sweep', digest, uploadId });
  };
  return shared;
}

/** `fails` is called before each operation on a file of the store. */
export function createSharedFiles(fails: () => boolean): SharedStore {
  const { stored, open } = createDirectory(fails);
  return watched({ stored, s3: undefined, open: () => opened(open()) });
}

/** `aborted` has the uploads that processes have aborted themselves. */
function watched(
  shared: Omit<SharedStore, 'onCommitted' | 'onEnding'>,
): SharedStore & { readonly aborted: Set<string> } {
  const aborted = new Set<string>();
  const events = {
    onCommitted: (digest: Digest, isThere: boolean) => all.onCommitted?.(digest, isThere),
    onEnding(ending: Ending) {
      if (ending.kind === 'abort' && ending.uploadId !== undefined) aborted.add(ending.uploadId);
      all.onEnding?.(ending);
    },
  };
  const all: SharedStore & { readonly aborted: Set<string> } = {
    ...shared,
    aborted,
    onCommitted: undefined,
    onEnding: undefined,
    async open(link) {
      const { store, close } = await shared.open(link);
      return { store: watchCommits(store, shared.stored, events), close };
    },
  };
  return all;
}

async function opened(opening: Promise<BlobStore>): Promise<OpenedStore> {
  const store = await opening;
  return { store, close: async () => store.close() };
}

function openBucket(endpoint: string) {
  return openS3Store({
    endpoint,
    region: 'us-east-1',
    accessKey: 'access',
    secretKey: 'secret',
    bucket,
    rootDirectory: '',
    pathStyle: true,
    createBucket: true,
    log: { warn() {} },
    now: Date.now,
  });
}

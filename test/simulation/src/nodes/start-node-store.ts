// The store that all nodes share: a store in memory whose calls are events, or a simulated S3 server.
import type { BlobStore } from '@cistern/blob-store';
import { createMemoryContents, createMemoryStore } from '@cistern/blob-store/memory';
import { type ObjectFaults, withObjectFaults } from '../cluster/object-faults.ts';
import { type StoredBlobs, memoryBlobs, s3Blobs } from '../cluster/stored-blobs.ts';
import { type SimulatedS3, startSimulatedS3 } from '../s3/start-simulated-s3.ts';
import type { Random } from '../world/random.ts';

export interface NodeStore {
  readonly stored: StoredBlobs;
  /** The store without the network. Undefined means that the store is in S3. */
  readonly memory: BlobStore | undefined;
  readonly s3: SimulatedS3 | undefined;
  readonly endpoint: string;
  /** Returns one of the cache's own small objects. */
  objectAt(key: string): Uint8Array | undefined;
  close(): Promise<string[]>;
}

const bucket = 'cistern';
const closeMs = 3_000;

export interface NodeStoreOptions {
  readonly random: Random;
  readonly objects: ObjectFaults;
}

export async function startNodeStore(kind: 'memory' | 's3', { random, objects }: NodeStoreOptions): Promise<NodeStore> {
  if (kind === 'memory') {
    const contents = createMemoryContents();
    return {
      stored: memoryBlobs(contents),
      memory: withObjectFaults(createMemoryStore({ contents }), objects),
      s3: undefined,
      endpoint: 'http://127.0.0.1:9000',
      objectAt: (key) => contents.objects.get(key),
      close: async () => [],
    };
  }
  const s3 = await startSimulatedS3(random, objects);
  // The segments of a run are smaller than the parts that S3 accepts.
  s3.contents.minPartBytes = 1;
  return {
    stored: s3Blobs(s3.contents, bucket),
    memory: undefined,
    s3,
    endpoint: s3.endpoint,
    objectAt: (key) => s3.contents.buckets.get(bucket)!.objects.get(key)?.bytes,
    close: () => s3.end(closeMs),
  };
}

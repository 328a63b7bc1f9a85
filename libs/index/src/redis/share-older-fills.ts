// Shares fills with nodes of releases up to 0.1.0 while a cluster is upgraded. These nodes use other keys for the
// records (decision 0059). If records were not shared, their frontends would not find the fills of our workers. Both
// releases would then fetch the same blob.
import type { Digest } from '@cistern/oci';
import type { FillIndex, FillRecord } from '../fills.ts';
import { pairs, type StoredHash } from './record-format.ts';
import type { RedisParts } from './redis-parts.ts';

interface OlderFillsOptions {
  readonly toRecord: (digest: Digest, hash: StoredHash) => FillRecord | undefined;
}

/**
 * Returns `fills`, extended by the fills of older nodes. If no record of ours exists, `read` returns the record of an
 * older node. A claim fails while an older node has a fill in flight. Each write also copies our record for older
 * nodes, and does not wait for the copy. If a copy fails, the next heartbeat repeats it.
 */
export function shareOlderFills(
  fills: FillIndex,
  { calls, keys }: Pick<RedisParts, 'calls' | 'keys'>,
  { toRecord }: OlderFillsOptions,
): FillIndex {
  const fieldsAt = async (key: string) => (await calls.run('read-fill', [key], [])) as string[];

  async function readOlder(digest: Digest): Promise<FillRecord | undefined> {
    const hash: StoredHash = Object.fromEntries(pairs(await fieldsAt(keys.olderFill(digest))));
    return hash['shown'] === undefined ? toRecord(digest, hash) : undefined;
  }

  async function show(digest: Digest): Promise<void> {
    const fields = await fieldsAt(keys.fill(digest));
    await calls.run('show-fill', [keys.olderFill(digest)], fields);
  }

  function shown<T>(digest: Digest, written: T): T {
    show(digest).catch(() => {});
    return written;
  }

  return {
    ...fills,
    read: async (digest) => (await fills.read(digest)) ?? readOlder(digest),
    async claim(claim) {
      const older = await readOlder(claim.digest);
      if (older?.state === 'starting' || older?.state === 'running') return undefined;
      return shown(claim.digest, await fills.claim(claim));
    },
    running: async (digest, ...fields) => shown(digest, await fills.running(digest, ...fields)),
    heartbeat: async (record, leaseMs) => shown(record.digest, await fills.heartbeat(record, leaseMs)),
    done: async (digest, ...fields) => shown(digest, await fills.done(digest, ...fields)),
    failed: async (digest, ...fields) => shown(digest, await fills.failed(digest, ...fields)),
  };
}

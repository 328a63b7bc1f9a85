// Fill records in Redis. Each decision about a fill is one Lua script, and its times are by the clock of Redis.
import type { Digest, RepositoryName } from '@cistern/oci';
import type { FillClaim, FillIndex, FillRecord, RunningFields } from '../fills.ts';
import { blobName } from '../records.ts';
import type { RedisBlobs } from './redis-blobs.ts';
import { inPieces } from './redis-calls.ts';
import type { RedisParts } from './redis-parts.ts';
import { isReadable, packDigest, pairs, schema, schemaField, type StoredHash } from './record-format.ts';
import { shareOlderFills } from './share-older-fills.ts';

export interface RedisFillsOptions {
  readonly blobs: RedisBlobs;
  /** How long claims wait after a loss of data, so that the owners of fills can restore their records. */
  readonly settleMs: number;
}

export function createRedisFills(parts: RedisParts, { blobs, settleMs }: RedisFillsOptions): FillIndex {
  const { calls, keys, publishChanges, reportNewer } = parts;
  const fills: FillIndex = {
    async read(digest) {
      const fields = (await calls.run('read-fill', [keys.fill(digest)], [])) as string[];
      return toRecord(digest, Object.fromEntries(pairs(fields)));
    },

    async claim({ replaces, leaseMs, ...claim }) {
      const fields = [...claimFields(claim), 'state', 'starting'];
      const scriptKeys = [keys.fill(claim.digest), keys.shardOf(claim.digest).settling, keys.blob(claim.digest)];
      const claimed = await calls.run('claim-fill', scriptKeys, [replaces, leaseMs, settleMs, ...fields]);
      if (claimed === null) return undefined;
      if (typeof claimed === 'number') return { unsettledForMs: claimed };
      const [generation, expiresAtMs, checkpoint] = claimed as [string, string, string?];
      const times = { generation: Number(generation), expiresAtMs: Number(expiresAtMs) };
      return { ...claim, schema: 1, state: 'starting', ...(checkpoint !== undefined && { checkpoint }), ...times };
    },

    async running(digest, owner, size, known = {}) {
      const fields = ['size', size, ...runningFields(known)];
      return (await calls.run('running-fill', [keys.fill(digest)], [owner, ...fields])) === 1;
    },

    async heartbeat(record, leaseMs) {
      const result = await calls.run(
        'heartbeat-fill',
        [keys.fill(record.digest)],
        [record.owner, leaseMs, ...recordFields(record)],
      );
      return result as 'kept' | 'recreated' | 'lost';
    },

    async done(digest, owner, blob) {
      const scriptKeys = [keys.fill(digest), ...blobs.keysOf(digest)];
      const written = await blobs.put(blob, (args) => calls.run('done-fill', scriptKeys, [owner, ...args]));
      if (written === 2) reportNewer('blob', keys.blob(digest));
      return written !== 0;
    },

    async failed(digest, owner, failure, keepMs) {
      const args = [owner, keepMs, JSON.stringify(failure)];
      return (await calls.run('failed-fill', [keys.fill(digest)], args)) === 1;
    },

    async beginDeletions(victims, owner, leaseMs) {
      return changeEach(victims, async (some) =>
        calls.run(
          'begin-deletions',
          some.flatMap(({ digest }) => [keys.fill(digest), keys.blob(digest)]),
          [
            owner,
            leaseMs,
            ...some.flatMap(({ digest, lastPulledAtMs }) => {
              const knownMs = Math.min(lastPulledAtMs, Number.MAX_SAFE_INTEGER);
              return [knownMs, blobs.touchedAtMs(digest) ?? ''];
            }),
          ],
        ),
      );
    },

    async endDeletions(digests, owner, end) {
      return changeEach(
        digests.map((digest) => ({ digest })),
        async (some) =>
          calls.run(
            'end-deletions',
            some.flatMap(({ digest }) => blobs.keysOf(digest)),
            [owner, end, ...some.map(({ digest }) => packDigest(digest))],
          ),
      );
    },
  };
  return shareOlderFills(fills, parts, { toRecord });

  /**
   * Splits the blobs into small groups of one hash slot, and calls `run` for all groups concurrently. `run` runs a
   * script that returns 1 for each blob that it has changed. Returns the digests of these blobs.
   */
  async function changeEach<T extends { readonly digest: Digest }>(
    all: readonly T[],
    run: (some: readonly T[]) => Promise<unknown>,
  ): Promise<Digest[]> {
    const groups = Map.groupBy(all, ({ digest }) => keys.shardOf(digest).leastRecent);
    const pieces = [...groups.values()].flatMap(inPieces);
    const changed = await Promise.all(
      pieces.map(async (some) => {
        const answers = (await run(some)) as number[];
        const digests = some.flatMap(({ digest }, at) => (answers[at] === 1 ? digest : []));
        await publishChanges(...digests.map(blobName));
        return digests;
      }),
    );
    return changed.flat();
  }
}

function claimFields(claim: Omit<FillClaim, 'replaces' | 'leaseMs'>): (string | number)[] {
  const { fillId, owner, address, class: fillClass, source } = claim;
  const { upstream, repository } = source;
  const fields = { [schemaField]: schema, fillId, owner, address, class: fillClass, upstream, repository };
  return Object.entries(fields).flat();
}

function recordFields(record: FillRecord): (string | number)[] {
  const { generation, state, size, failure } = record;
  const known = failure === undefined ? {} : { failure: JSON.stringify(failure) };
  const fields = { generation, state, ...(size !== undefined && { size }), ...known };
  return [...claimFields(record), ...Object.entries(fields).flat(), ...runningFields(record)];
}

/**
 * These fields are optional, because nodes of another release may not know them. Such nodes do not change unknown
 * fields.
 */
function runningFields({ protocol, signature, checkpoint }: RunningFields): (string | number)[] {
  const fields = { protocol, signature, checkpoint };
  return Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [name, value]));
}

function toRecord(digest: Digest, hash: StoredHash): FillRecord | undefined {
  if (!isReadable(hash)) return undefined;
  const { fillId = '', owner = '', address = '', upstream = '', size, failure, protocol, signature, checkpoint } = hash;
  return {
    schema: 1,
    digest,
    fillId,
    owner,
    generation: Number(hash['generation']),
    address,
    state: hash['state'] as FillRecord['state'],
    class: hash['class'] as FillRecord['class'],
    source: { upstream, repository: hash['repository'] as RepositoryName },
    ...(protocol === undefined ? {} : { protocol: Number(protocol) }),
    ...(signature === undefined ? {} : { signature }),
    ...(checkpoint === undefined ? {} : { checkpoint }),
    ...(size === undefined ? {} : { size: Number(size) }),
    ...(failure === undefined ? {} : { failure: JSON.parse(failure) as NonNullable<FillRecord['failure']> }),
    expiresAtMs: Number(hash['expiresAtMs']),
  };
}

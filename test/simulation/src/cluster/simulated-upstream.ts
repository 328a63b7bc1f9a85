// Simulates a registry of the cluster without HTTP. Its responses are events, and it can break bodies off, send wrong
// bytes, throttle and reject.
import { CacheError } from '@cistern/errors';
import type { Digest, RepositoryName } from '@cistern/oci';
import { ExtraRefused, type Upstream, type UpstreamBlobBody } from '@cistern/upstream';
import type { Owner } from '../world/owner.ts';
import { plan, schedule } from '../world/schedule.ts';
import { digestOnce } from './right-bytes.ts';

export interface BlobGet {
  readonly digest: Digest;
  readonly from: number;
  readonly toExclusive: number | undefined;
  readonly owner: Owner;
  readonly beganAtMs: number;
  sentBytes: number;
  /** The bytes among `sentBytes` that were fetched for readers alongside a fill. */
  sideBytes: number;
  isClosed: boolean;
}

export interface UpstreamFaults {
  /** Time until a response begins. */
  answerMs(): number;
  /** Time until the next chunk of a body arrives. */
  chunkMs(get: BlobGet): number;
  /** The body breaks off after this many bytes. Undefined means that it is complete. */
  breakAt(get: BlobGet, size: number): number | undefined;
  /** Returns a wrong body to send. Undefined means that the right body is sent. */
  lie(get: BlobGet, part: Buffer): Buffer | undefined;
  /** Returns the size that a response names. If the function is not set, responses name the right size. */
  sizeOf?(size: number): number | undefined;
  /** Reports whether the upstream rejects this range request. */
  refusesRange?(): boolean;
  /** The error to throw instead of a response. */
  refuse(): CacheError | undefined;
  /** Reports whether the upstream refuses an additional connection for a blob. */
  refusesExtra?(): boolean;
}

export interface SimulatedUpstream {
  readonly gets: BlobGet[];
  /**
   * Records that `owner` has just read these bytes alongside a fill. They count towards `sideBytes` of the newest
   * chunk, unless that chunk belongs to another worker.
   */
  countSide(owner: Owner, bytes: number): void;
  addBlob(repository: RepositoryName, bytes: Buffer): Digest;
  /** Returns the registry as one process calls it. */
  endpoint(owner: Owner): Upstream;
}

const chunkBytes = 64 * 1024;
const upstreamName = 'docker.io';

export function createSimulatedUpstream(faults: UpstreamFaults): SimulatedUpstream {
  const blobs = new Map<string, Buffer>();
  const gets: BlobGet[] = [];
  let newest: { readonly get: BlobGet; readonly atMs: number; readonly bytes: number } | undefined;

  const find = (repository: RepositoryName, digest: Digest): Buffer => {
    const bytes = blobs.get(`${repository}@${digest}`);
    if (bytes === undefined) throw new CacheError('blob-unknown', 'no such blob');
    return bytes;
  };

  return {
    gets,
    countSide(owner, bytes) {
      if (newest?.get.owner !== owner || newest.bytes !== bytes || newest.atMs !== schedule.nowMs) return;
      newest.get.sideBytes += bytes;
      newest = undefined;
    },
    addBlob(repository, bytes) {
      const digest = digestOnce(bytes);
      blobs.set(`${repository}@${digest}`, bytes);
      return digest;
    },
    endpoint(owner) {
      const wait = (delayMs: number, label: string, signal: AbortSignal | undefined) =>
        new Promise<void>((resolve, reject) => {
          const onAbort = () => reject(signal!.reason);
          signal?.throwIfAborted();
          signal?.addEventListener('abort', onAbort, { once: true });
          const arrive = () => {
            signal?.removeEventListener('abort', onAbort);
            resolve();
          };
          plan(delayMs, arrive, { owner, label });
        });
      const answer = async (call: string, signal: AbortSignal | undefined) => {
        await wait(faults.answerMs(), `upstream ${call}`, signal);
        const refusal = faults.refuse();
        if (refusal !== undefined) throw refusal;
      };
      async function* send(get: BlobGet, bytes: Buffer, breakAt: number, signal: AbortSignal): AsyncGenerator<Buffer> {
        try {
          for (let at = 0; at < bytes.length;) {
            await wait(faults.chunkMs(get), 'upstream chunk', signal);
            const length = Math.min(chunkBytes, bytes.length - at, breakAt - at);
            if (length <= 0) throw broken();
            get.sentBytes += length;
            newest = { get, atMs: schedule.nowMs, bytes: length };
            yield Buffer.from(bytes.subarray(at, at + length));
            at += length;
          }
          if (breakAt <= bytes.length) throw broken();
        } finally {
          get.isClosed = true;
        }
      }

      return {
        name: upstreamName,
        connectionsPerBlob: 4,
        headManifest: notSimulated,
        getManifest: notSimulated,
        listTags: notSimulated,
        listReferrers: notSimulated,
        checkAccess: notSimulated,
        async headBlob(repository, digest, { signal } = {}) {
          await answer('headBlob', signal);
          return find(repository, digest).length;
        },
        async getBlob(repository, digest, { from = 0, toExclusive, isExtra, signal } = {}): Promise<UpstreamBlobBody> {
          await answer('getBlob', signal);
          if (isExtra === true && faults.refusesExtra?.() === true)
            throw new ExtraRefused('host', 'simulated: one connection is enough');
          const whole = find(repository, digest);
          const isPart = from > 0 || (toExclusive ?? whole.length) < whole.length;
          if (isPart && faults.refusesRange?.() === true)
            throw new CacheError('unsupported', 'simulated: no ranges today');
          const get: BlobGet = {
            digest,
            from,
            toExclusive,
            owner,
            beganAtMs: schedule.nowMs,
            sentBytes: 0,
            sideBytes: 0,
            isClosed: false,
          };
          gets.push(get);
          const part = whole.subarray(from, toExclusive);
          const bytes = faults.lie(get, part) ?? part;
          const ending = new AbortController();
          const close = (reason: unknown) => {
            get.isClosed = true;
            ending.abort(reason);
          };
          signal?.addEventListener('abort', () => close(signal.reason), { once: true });
          return {
            start: from,
            host: upstreamName,
            totalSize: faults.sizeOf === undefined ? whole.length : faults.sizeOf(whole.length),
            body: send(get, bytes, faults.breakAt(get, bytes.length) ?? Infinity, ending.signal),
            close: () => close(new Error('the body was closed')),
          };
        },
        async close() {},
      };
    },
  };
}

const notSimulated = (): Promise<never> =>
  Promise.reject(new CacheError('unsupported', 'The simulated registry serves blobs only.'));

const broken = () => new CacheError('upstream-unreachable', 'simulated: the connection broke', { retryable: true });

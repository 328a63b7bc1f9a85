// A scripted upstream for tests: its content is in memory, requests are recorded, and the test controls the bodies.
import { CacheError } from '@cistern/errors';
import { type Digest, type DigestAlgorithm, type RepositoryName, type Tag, digestOf } from '@cistern/oci';
import type {
  CallerCredentials,
  Upstream,
  UpstreamBlobBody,
  UpstreamReferrersPage,
  UpstreamTagsPage,
} from '../upstream.ts';

interface BlobGet {
  readonly digest: Digest;
  readonly repository: RepositoryName;
  readonly from: number | undefined;
  readonly toExclusive: number | undefined;
  sent: number;
  closed: boolean;
}

interface Script {
  /** True if a body sends at most as many bytes as `allow` has permitted in total. */
  gated: boolean;
  /** Changes one GET of a blob: returns the body to send instead, or throws. */
  bend?: ((get: BlobGet, bytes: Buffer) => { bytes: Buffer; totalSize?: number | undefined } | undefined) | undefined;
  /** Returns the offset at which a body breaks with an error instead of ending. */
  breakAt?: ((get: BlobGet) => number | undefined) | undefined;
  /** The error with which every call rejects. */
  down?: CacheError | undefined;
  /** Awaited before every answer. If it rejects, the call rejects with the same error. */
  onCall?: ((call: string) => Promise<void> | void) | undefined;
  /** Awaited after a HEAD of a manifest has read its answer, so a push during the wait does not change the answer. */
  onHeadAnswered?: (() => Promise<void>) | undefined;
  onChunk?: ((get: BlobGet, position: number) => Promise<void> | void) | undefined;
  /** Awaited after the last byte of a body, before its end. */
  onEnd?: (() => Promise<void>) | undefined;
  ranges: boolean;
  /** Decides which callers may read. Unset means that no caller may. */
  entitles?: ((repository: string, caller: CallerCredentials) => boolean) | undefined;
  headOmitsFacts: boolean;
  tags: UpstreamTagsPage;
  /** `undefined` means 404. */
  referrers?: UpstreamReferrersPage | undefined;
}

export interface ScriptedUpstream extends Upstream {
  readonly script: Script;
  readonly gets: BlobGet[];
  readonly calls: string[];
  addBlob(repository: string, bytes: Buffer, algorithm?: DigestAlgorithm): Digest;
  addManifest(repository: string, tag: string | undefined, bytes: Buffer, mediaType: string): Digest;
  allow(bytes: number): void;
}

const chunkSize = 64 * 1024;

export function createScriptedUpstream(name: string): ScriptedUpstream {
  const blobs = new Map<string, Buffer>();
  const manifests = new Map<string, { bytes: Buffer; mediaType: string; digest: Digest }>();
  const script: Script = { gated: false, ranges: true, headOmitsFacts: false, tags: { tags: ['a', 'b'] } };
  const gets: BlobGet[] = [];
  const calls: string[] = [];
  let allowed = 0;
  let wakeGate: (() => void)[] = [];

  const up = async (call: string, signal: AbortSignal | undefined) => {
    calls.push(call);
    signal?.throwIfAborted();
    if (script.down !== undefined) throw script.down;
    await orAborted(script.onCall?.(call), signal);
  };
  const manifestOf = (repository: string, reference: { kind: string; digest?: Digest; tag?: Tag }) => {
    const found = manifests.get(`${repository}@${reference.digest ?? reference.tag}`);
    if (found === undefined) throw new CacheError('manifest-unknown', 'no such manifest');
    return found;
  };

  async function* send(get: BlobGet, bytes: Buffer, signal: AbortSignal): AsyncGenerator<Buffer> {
    const breakAt = script.breakAt?.(get) ?? Infinity;
    try {
      for (let position = 0; position < bytes.length;) {
        while (script.gated && allowed <= 0)
          await orAborted(new Promise<void>((resolve) => wakeGate.push(resolve)), signal);
        await orAborted(script.onChunk?.(get, position), signal);
        const length = Math.min(
          chunkSize,
          bytes.length - position,
          script.gated ? allowed : Infinity,
          breakAt - position,
        );
        if (length <= 0) throw new CacheError('upstream-unreachable', 'the connection broke');
        allowed -= script.gated ? length : 0;
        get.sent += length;
        yield Buffer.from(bytes.subarray(position, position + length));
        position += length;
        await new Promise(setImmediate);
        signal.throwIfAborted();
      }
      await orAborted(script.onEnd?.(), signal);
      if (breakAt <= bytes.length) throw new CacheError('upstream-unreachable', 'the connection broke');
    } finally {
      get.closed = true;
    }
  }

  return {
    name,
    connectionsPerBlob: 1,
    script,
    gets,
    calls,
    addBlob(repository, bytes, algorithm) {
      const digest = digestOf(bytes, algorithm);
      blobs.set(`${repository}@${digest}`, bytes);
      return digest;
    },
    addManifest(repository, tag, bytes, mediaType) {
      const digest = digestOf(bytes);
      manifests.set(`${repository}@${digest}`, { bytes, mediaType, digest });
      if (tag !== undefined) manifests.set(`${repository}@${tag}`, { bytes, mediaType, digest });
      return digest;
    },
    allow(bytes) {
      allowed += bytes;
      for (const wake of wakeGate.splice(0)) wake();
    },
    async headManifest(repository, reference, { signal } = {}) {
      await up('head-manifest', signal);
      const { bytes, mediaType, digest } = manifestOf(repository, reference);
      await orAborted(script.onHeadAnswered?.(), signal);
      return { mediaType, size: bytes.length, digest: script.headOmitsFacts ? undefined : digest };
    },
    async getManifest(repository, reference, { signal } = {}) {
      await up('get-manifest', signal);
      return manifestOf(repository, reference);
    },
    async headBlob(repository, digest, { signal } = {}) {
      await up('head-blob', signal);
      const bytes = blobs.get(`${repository}@${digest}`);
      if (bytes === undefined) throw new CacheError('blob-unknown', 'no such blob');
      return script.headOmitsFacts ? undefined : bytes.length;
    },
    async getBlob(repository, digest, { from, toExclusive, signal } = {}): Promise<UpstreamBlobBody> {
      await up('get-blob', signal);
      const whole = blobs.get(`${repository}@${digest}`);
      if (whole === undefined) throw new CacheError('blob-unknown', 'no such blob');
      const get: BlobGet = { digest, repository, from, toExclusive, sent: 0, closed: false };
      gets.push(get);
      if (!script.ranges && (from !== undefined || toExclusive !== undefined))
        throw new CacheError('unsupported', 'no ranges here');
      const bent = script.bend?.(get, whole);
      const ending = new AbortController();
      signal?.addEventListener('abort', () => ending.abort(signal.reason), { once: true });
      const body = send(get, bent?.bytes ?? whole.subarray(from ?? 0, toExclusive), ending.signal);
      const totalSize =
        bent === undefined || 'totalSize' in bent ? (bent?.totalSize ?? (bent && undefined)) : bent.bytes.length;
      return {
        start: from ?? 0,
        totalSize: bent === undefined ? whole.length : totalSize,
        body,
        close() {
          get.closed = true;
          ending.abort(new Error('the body was closed'));
        },
      };
    },
    async listTags() {
      await up('list-tags', undefined);
      return script.tags;
    },
    async listReferrers() {
      await up('list-referrers', undefined);
      if (script.referrers === undefined) throw new CacheError('manifest-unknown', 'no referrers here');
      return script.referrers;
    },
    async checkAccess(repository, subject, caller, { signal } = {}) {
      await up('check-access', signal);
      if (script.entitles?.(repository, caller) !== true)
        throw new CacheError('unauthenticated', 'not for you', { detail: { status: 401 } });
      if (subject.kind === 'manifest') manifestOf(repository, subject.reference);
      if (subject.kind === 'blob' && !blobs.has(`${repository}@${subject.digest}`))
        throw new CacheError('blob-unknown', 'no such blob');
      return { isProven: caller.kind !== 'anonymous' };
    },
    async close() {
      for (const wake of wakeGate.splice(0)) wake();
      wakeGate = [];
    },
  };
}

async function orAborted(wait: Promise<void> | void, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  if (wait === undefined) return;
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    await Promise.race([wait, promise]);
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}

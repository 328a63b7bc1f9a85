// An upstream as a value for tests: content in memory, every request recorded, and the body under the test's control.
import { CacheError } from '@cistern/errors';
import { type Digest, type RepositoryName, type Tag, digestOf } from '@cistern/oci';
import type { Upstream, UpstreamBlobBody } from '@cistern/upstream';

interface BlobGet {
  readonly digest: Digest;
  readonly repository: RepositoryName;
  readonly from: number | undefined;
  readonly toExclusive: number | undefined;
  sent: number;
  closed: boolean;
}

interface Script {
  /** Bytes that every body may send in all; raise it with `allow`. */
  gated: boolean;
  /** Bends one GET of a blob: returns the body to send instead, or throws. */
  bend?: ((get: BlobGet, bytes: Buffer) => { bytes: Buffer; totalSize?: number | undefined } | undefined) | undefined;
  /** Thrown at the end of the bytes instead of ending. */
  breakAt?: ((get: BlobGet) => number | undefined) | undefined;
  /** Thrown by every call. */
  down?: CacheError | undefined;
  ranges: boolean;
  headSaysNothing: boolean;
}

export interface ScriptedUpstream extends Upstream {
  readonly script: Script;
  readonly gets: BlobGet[];
  readonly calls: string[];
  addBlob(repository: string, bytes: Buffer): Digest;
  addManifest(repository: string, tag: string | undefined, bytes: Buffer, mediaType: string): Digest;
  allow(bytes: number): void;
}

const chunkSize = 64 * 1024;

export function createScriptedUpstream(name: string): ScriptedUpstream {
  const blobs = new Map<string, Buffer>();
  const manifests = new Map<string, { bytes: Buffer; mediaType: string; digest: Digest }>();
  const script: Script = { gated: false, ranges: true, headSaysNothing: false };
  const gets: BlobGet[] = [];
  const calls: string[] = [];
  let allowed = 0;
  let wakeGate: (() => void)[] = [];

  const up = (call: string) => {
    calls.push(call);
    if (script.down !== undefined) throw script.down;
  };
  const manifestOf = (repository: string, reference: { kind: string; digest?: Digest; tag?: Tag }) => {
    const found = manifests.get(`${repository}@${reference.digest ?? reference.tag}`);
    if (found === undefined) throw new CacheError('manifest-unknown', 'no such manifest');
    return found;
  };

  async function* send(get: BlobGet, bytes: Buffer): AsyncGenerator<Buffer> {
    const breakAt = script.breakAt?.(get) ?? Infinity;
    try {
      for (let position = 0; position < bytes.length;) {
        while (script.gated && allowed <= 0) await new Promise<void>((resolve) => wakeGate.push(resolve));
        const length = Math.min(
          chunkSize,
          bytes.length - position,
          script.gated ? allowed : Infinity,
          breakAt - position,
        );
        if (length <= 0) throw new CacheError('upstream-unreachable', 'the connection broke');
        allowed -= script.gated ? length : 0;
        get.sent += length;
        yield bytes.subarray(position, position + length);
        position += length;
        await new Promise(setImmediate);
      }
      if (breakAt <= bytes.length) throw new CacheError('upstream-unreachable', 'the connection broke');
    } finally {
      get.closed = true;
    }
  }

  return {
    name,
    script,
    gets,
    calls,
    addBlob(repository, bytes) {
      const digest = digestOf(bytes);
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
    async headManifest(repository, reference) {
      up('head-manifest');
      const { bytes, mediaType, digest } = manifestOf(repository, reference);
      return { mediaType, size: bytes.length, digest: script.headSaysNothing ? undefined : digest };
    },
    async getManifest(repository, reference) {
      up('get-manifest');
      return manifestOf(repository, reference);
    },
    async headBlob(repository, digest) {
      up('head-blob');
      const bytes = blobs.get(`${repository}@${digest}`);
      if (bytes === undefined) throw new CacheError('blob-unknown', 'no such blob');
      return script.headSaysNothing ? undefined : bytes.length;
    },
    async getBlob(repository, digest, { from, toExclusive } = {}): Promise<UpstreamBlobBody> {
      up('get-blob');
      const whole = blobs.get(`${repository}@${digest}`);
      if (whole === undefined) throw new CacheError('blob-unknown', 'no such blob');
      const get: BlobGet = { digest, repository, from, toExclusive, sent: 0, closed: false };
      gets.push(get);
      if (!script.ranges && (from !== undefined || toExclusive !== undefined))
        throw new CacheError('unsupported', 'no ranges here');
      const bent = script.bend?.(get, whole);
      const body = send(get, bent?.bytes ?? whole.subarray(from ?? 0, toExclusive));
      const totalSize =
        bent === undefined || 'totalSize' in bent ? (bent?.totalSize ?? (bent && undefined)) : bent.bytes.length;
      return {
        start: from ?? 0,
        totalSize: bent === undefined ? whole.length : totalSize,
        body,
        close() {
          get.closed = true;
          void body.return(undefined);
        },
      };
    },
    async listTags() {
      up('list-tags');
      return { tags: ['a', 'b'] };
    },
    async listReferrers() {
      up('list-referrers');
      throw new CacheError('manifest-unknown', 'no referrers here');
    },
    async close() {
      for (const wake of wakeGate.splice(0)) wake();
      wakeGate = [];
    },
  };
}

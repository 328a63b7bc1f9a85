// Reads a blob from any offset, out of the store or a fill. If the store loses the blob or fails, or if the fill's worker dies,
// the reader continues at its position from another source.
import { openStored, type OpenStoredDeps } from '@cistern/content';
import { CacheError, isCacheError } from '@cistern/errors';
import type { FillAccess, FollowedFill, FollowFill } from '@cistern/fills';
import type { FillRecord, RepositoryKey } from '@cistern/index';
import { type Digest, segmentBytesOf } from '@cistern/oci';
import {
  type ByteSource,
  type Interruptions,
  openFailoverReader,
  SourceInterrupted,
  type SourceReader,
} from '@cistern/streams';

export interface BlobSourceDeps extends OpenStoredDeps {
  readonly fillAccess: FillAccess;
  readonly follow: FollowFill;
  /** The least bytes of a segment. Default: the size that all caches use. Tests set less. */
  readonly leastSegmentBytes?: number | undefined;
}

export interface BlobSourceOptions {
  readonly digest: Digest;
  readonly size: number;
  readonly source: RepositoryKey;
  /** True if the store has the blob. Otherwise readers follow a fill. */
  readonly stored: boolean;
  /** The running fill of the blob. Unset if the caller knows of none. */
  readonly following: FollowedFill | undefined;
  /**
   * True if the end of the blob is withheld until the whole blob is verified. False for small ranges, which do not wait for
   * that.
   */
  readonly verified: boolean;
  /** True if stored bytes are hashed while they are read, although they were verified when they were stored. */
  readonly checked: boolean;
}

export interface BlobSource extends ByteSource {
  /** The place from which the first reader gets its bytes. `undefined` before the first reader opens. */
  readonly origin: 'stored' | 'joined' | 'fetched' | undefined;
}

const maxTries = 4;
/** After this many interruptions in a row without a byte, the reader stops using the fill. */
const maxInterruptions = 3;
/** A pull protects a blob from eviction for twice this time (decision 0055), so a long read refreshes it in time. */
const touchEveryMs = 60_000;

export function createBlobSource(deps: BlobSourceDeps, options: BlobSourceOptions): BlobSource {
  return new Places(deps, options);
}

/**
 * Chooses between the store and the followed fill, each time a reader opens. The bytes may move from the fill to the store
 * during a read. It is a class, because it takes less memory than closures do, and each slow client has one.
 */
class Places implements BlobSource {
  readonly #deps: BlobSourceDeps;
  readonly #options: BlobSourceOptions;
  #inStore: boolean;
  #first: { readonly from: number; readonly origin: BlobSource['origin'] } | undefined;
  #storeFailure: unknown;
  #followed: FollowedFill | undefined;
  readonly size: number;
  readonly segmentBytes: number;

  constructor(deps: BlobSourceDeps, options: BlobSourceOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#inStore = options.stored;
    this.#followed = options.following;
    this.size = options.size;
    this.segmentBytes = segmentBytesOf(options.size, deps.leastSegmentBytes);
  }

  get origin(): BlobSource['origin'] {
    return this.#first?.origin;
  }

  open(from: number, toExclusive: number, signal: AbortSignal): Promise<SourceReader> {
    const { index, now } = this.#deps;
    const { digest } = this.#options;
    // A failure is ignored, because nothing is evicted while the index is unavailable.
    const touching = setInterval(() => void index.blobs.touch(digest, now()).catch(() => {}), touchEveryMs);
    return openFailoverReader({
      from,
      openAt: (position, before, ending) => this.#openAt(position, toExclusive, before, ending),
      signal,
      onClose: () => clearInterval(touching),
    });
  }

  async #openAt(from: number, toExclusive: number, before: Interruptions, signal: AbortSignal): Promise<SourceReader> {
    const { digest, verified } = this.#options;
    let past = before.inARow >= maxInterruptions ? this.#followed?.record : undefined;
    this.#storeFailure = undefined;
    // After an interruption, read the record again, because another worker may have taken over the fill.
    if (before.inARow > 0) this.#followed = undefined;
    this.#inStore ||= before.isStored;
    for (let tries = 0; tries < maxTries; tries += 1) {
      const reader = this.#inStore ? await this.#openInStore(from, toExclusive, signal) : undefined;
      if (reader !== undefined) {
        this.#noteOrigin(from, 'stored');
        return reader;
      }
      const { record, joined } = await this.#followTo(from, toExclusive, past, signal);
      // The fill has stored the bytes, but the store is unavailable.
      if (record.state === 'done' && this.#storeFailure !== undefined) throw this.#storeFailure;
      const range = { from, toExclusive, verified };
      const opened = record.state === 'done' ? undefined : await openFill(this.#deps, record, range, signal);
      this.#inStore = opened === undefined;
      if (opened !== undefined && opened !== 'unreachable') {
        this.#noteOrigin(from, joined ? 'joined' : 'fetched');
        return opened;
      }
      // The fill has ended, so the bytes are in the store, or its worker is unavailable, so another fill has to fetch them.
      past = record;
    }
    throw new CacheError(
      'store-unavailable',
      `${digest} is neither in the store nor in a running fill. Try again later.`,
      {
        retryable: true,
      },
    );
  }

  /**
   * Notes where the first bytes come from. A reader that got no bytes opens again at the same position, so the later source
   * counts.
   */
  #noteOrigin(from: number, origin: BlobSource['origin']): void {
    if (this.#first === undefined || this.#first.from === from) this.#first = { from, origin };
  }

  async #openInStore(from: number, toExclusive: number, signal: AbortSignal): Promise<SourceReader | undefined> {
    const { digest, size, verified, checked } = this.#options;
    const refetch = () => this.#refetch();
    try {
      return await openStored(this.#deps, { digest, size, from, toExclusive, verified, checked, signal, refetch });
    } catch (error) {
      if (!isCacheError(error, 'store-unavailable')) throw error;
      this.#storeFailure = error;
      this.#deps.log.warn({ err: error, digest }, 'store unavailable, falling back to upstream');
      return undefined;
    }
  }

  /**
   * Starts another fill of the blob. A fill in state `done` is skipped, because it stored the damaged bytes. Rejects as
   * `follow` does.
   */
  async #refetch(): Promise<void> {
    const { digest, source } = this.#options;
    const record = await this.#deps.index.fills.read(digest);
    await this.#deps.follow({ digest, source, from: 0, past: record?.state === 'done' ? record : undefined });
  }

  /**
   * Returns the followed fill if it was running when it was last read, without a read of the index. If that fill has ended,
   * opening it shows that.
   */
  async #followTo(
    from: number,
    toExclusive: number,
    past: FillRecord | undefined,
    signal: AbortSignal,
  ): Promise<FollowedFill> {
    const { digest, size, source } = this.#options;
    const followed = this.#followed;
    if (followed !== undefined && followed.record !== past && followed.record.state === 'running') return followed;
    const { record, joined } = await this.#deps.follow({ digest, source, from, toExclusive, past, signal });
    if (record.size !== size)
      throw new CacheError('content-mismatch', `The size of ${digest} changed from ${size} to ${record.size} bytes.`);
    this.#followed = { record, joined };
    return this.#followed;
  }
}

async function openFill(
  { fillAccess, log }: BlobSourceDeps,
  record: Parameters<FillAccess['open']>[0],
  range: Parameters<FillAccess['open']>[1],
  signal: AbortSignal,
): Promise<SourceReader | 'unreachable' | undefined> {
  try {
    return await fillAccess.open(record, range, signal);
  } catch (error) {
    if (!(error instanceof SourceInterrupted)) throw error;
    log.warn(
      { err: error, digest: record.digest, address: record.address },
      'fill worker unreachable, trying another source',
    );
    return 'unreachable';
  }
}

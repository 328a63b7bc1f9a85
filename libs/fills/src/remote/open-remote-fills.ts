// Connects frontends to fills that run on workers, and a worker to the fills that it takes over from another worker. A worker
// that does not respond soon counts as unavailable. Connections go only to addresses in records that a node of this cluster has
// signed.
import type { RecordSignature } from '@cistern/index';
import { CacheError } from '@cistern/errors';
import type { Digest } from '@cistern/oci';
import { SourceInterrupted } from '@cistern/streams';
import type { Logger } from '@cistern/telemetry';
import { type Checkpoint, decodeCheckpoint, encodeCheckpoint } from '../fill/checkpoints.ts';
import type { FillRange, PresentRun } from '../fill/fill-options.ts';
import { presentEndHeader, presentStartHeader, protocolPath, silenceMs } from './fill-frames.ts';
import type { PeerAnswer, PeerConnections } from './peer-connections.ts';
import { mostMinutesApart, type PeerKeys, protocol, type SignedFill } from './peer-keys.ts';
import { type FrameReader, createFrameReader } from './read-frames.ts';

interface RemoteFillsOptions {
  readonly keys: PeerKeys;
  /** Closed by `close`. */
  readonly connections: PeerConnections;
  /** The index's clock, which all nodes share. */
  readonly now: () => number;
  readonly log: Logger;
  /** Returns the header of the current trace (W3C Trace Context), if there is one. */
  readonly traceparent?: (() => string | undefined) | undefined;
}

/** The fields of a record that are necessary to read its fill. */
export type FillPlace = SignedFill & RecordSignature;

export interface RemoteFills {
  /** Signs the record of a fill of this process. */
  sign(fill: SignedFill): Required<RecordSignature>;
  /** Signs a checkpoint, and returns it as text for the record of the fill of `digest`. */
  signCheckpoint(digest: Digest, checkpoint: Checkpoint): string;
  /** Reads the text from `signCheckpoint`. Returns `undefined` if no node of this cluster has signed it for this digest. */
  verifyCheckpoint(digest: Digest, signed: string): Checkpoint | undefined;
  /**
   * Returns false if the record has another protocol, or if no node of this cluster has signed it. Nodes do not read such a fill,
   * and do not replace it before its lease expires.
   */
  canRead(record: FillPlace): boolean;
  /**
   * Opens the bytes of a fill. Resolves to `undefined` if the fill has ended. Rejects with `SourceInterrupted` if the fill's
   * worker is unreachable, and with `store-unavailable` if the worker has another secret or its clock differs too much. `signal`
   * also ends the returned reader.
   */
  open(place: FillPlace, range: FillRange, signal: AbortSignal): Promise<FrameReader | undefined>;
  /** Opens the first run of present bytes from `from` on. Resolves to `undefined` if there are none. Rejects as `open` does. */
  openPresent(
    place: FillPlace,
    from: number,
    signal: AbortSignal,
  ): Promise<(PresentRun & { readonly reader: FrameReader }) | undefined>;
  /** Ends all open readers. */
  close(): Promise<void>;
}

const warnEveryMs = 60_000;

export function openRemoteFills(options: RemoteFillsOptions): RemoteFills {
  const { keys, connections, now, log } = options;
  let warnedAtMs = -Infinity;

  const canRead = (record: FillPlace): boolean => {
    if (record.protocol !== protocol) return false;
    if (keys.isSigned(record)) return true;
    if (now() - warnedAtMs >= warnEveryMs) {
      warnedAtMs = now();
      const { digest, address } = record;
      log.warn(
        { digest, address, setting: 'cluster.secretfile' },
        'fill record signature invalid, cluster secret may differ',
      );
    }
    return false;
  };

  const get = async (place: FillPlace, query: string, signal: AbortSignal) => {
    const { address, fillId, digest } = place;
    if (!canRead(place)) throw new SourceInterrupted('the record of the fill is not signed by this cluster');
    const path = `${protocolPath}/${fillId}${query}`;
    const traceparent = options.traceparent?.();
    const authorization = keys.authorize(address, path, now());
    const headers = { authorization, ...(traceparent !== undefined && { traceparent }) };
    let answer: PeerAnswer;
    try {
      answer = await connections.get(`${address}${path}`, { headers, signal, timeoutMs: silenceMs });
    } catch (error) {
      signal.throwIfAborted();
      throw new SourceInterrupted(`the worker at ${address} is unreachable`, { cause: error });
    }
    const { statusCode } = answer.head;
    if (statusCode === 200)
      return { head: answer.head, reader: createFrameReader(answer.body, keys.ends(digest, path)) };
    answer.body.destroy(new Error(`the worker answered ${statusCode}`));
    if (statusCode === 404) return undefined;
    throw refusalOf(statusCode, address);
  };

  return {
    sign: keys.signRecord,
    signCheckpoint: (digest, checkpoint) => keys.signCheckpoint(digest, encodeCheckpoint(checkpoint)),
    verifyCheckpoint(digest, signed) {
      const text = keys.verifyCheckpoint(digest, signed);
      return text === undefined ? undefined : decodeCheckpoint(text);
    },
    canRead,
    async open(place, { from, toExclusive, verified }, signal) {
      const query = `?from=${from}&to=${toExclusive}${verified ? '&verified=1' : ''}`;
      return (await get(place, query, signal))?.reader;
    },
    async openPresent(place, from, signal) {
      const answer = await get(place, `/present?from=${from}`, signal);
      if (answer === undefined) return undefined;
      const { headers } = answer.head;
      return {
        start: Number(headers[presentStartHeader]),
        endExclusive: Number(headers[presentEndHeader]),
        reader: answer.reader,
      };
    },
    close: async () => connections.close(),
  };
}

function refusalOf(statusCode: number, address: string): Error {
  const refused = (why: string) =>
    new CacheError('store-unavailable', `The worker at ${address} rejects this node: ${why}`);
  if (statusCode === 401) return refused('cluster.secretfile must be the same on all nodes.');
  if (statusCode === 403)
    return refused(
      `their clocks are more than ${mostMinutesApart} minutes apart, but all nodes use the clock of Redis.`,
    );
  return new SourceInterrupted(`the worker at ${address} answered ${statusCode}`);
}

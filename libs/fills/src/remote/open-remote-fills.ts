// A frontend's way to fills that run on workers, and a worker's to those of its predecessor. A worker that does not answer
// at once is taken for gone.
import type { FillRecord } from '@cistern/index';
import { CacheError } from '@cistern/errors';
import { SourceInterrupted } from '@cistern/streams';
import type { FillRange } from '../fill/fill.ts';
import { presentEndHeader, protocolPath, silenceMs, fillAuthorization } from './fill-frames.ts';
import { createPeerConnections, type PeerAnswer, type PeerTls } from './peer-connections.ts';
import { type FrameReader, createFrameReader } from './read-frames.ts';

interface RemoteFillsOptions {
  readonly clusterSecret: string;
  readonly tls?: PeerTls | undefined;
  /** Of the trace that a request is a part of (W3C Trace Context); `undefined`: of none. */
  readonly traceparent?: (() => string | undefined) | undefined;
}

export type FillPlace = Pick<FillRecord, 'address' | 'fillId'>;

export interface RemoteFills {
  /**
   * Bytes as they come. `undefined`: that fill has ended. Rejects with `SourceInterrupted` if its worker is out of reach, with
   * `store-unavailable` if that has another secret. `signal` breaks the reader off, too.
   */
  open(place: FillPlace, range: FillRange, signal: AbortSignal): Promise<FrameReader | undefined>;
  /** What is there from an offset on, and no more. `undefined`: nothing. Rejects as `open`. */
  openPresent(
    place: FillPlace,
    from: number,
    signal: AbortSignal,
  ): Promise<{ readonly endExclusive: number; readonly reader: FrameReader } | undefined>;
  /** CRC-32 of bytes that have been verified there. `undefined`: they have not, or the worker is out of reach. */
  checksum(place: FillPlace, from: number, toExclusive: number): Promise<number | undefined>;
  /** Breaks off whatever is still open. */
  close(): Promise<void>;
}

const checksumMs = 60_000;
const maxChecksumBytes = 1024;

export function openRemoteFills({ clusterSecret, tls, traceparent: tracedBy }: RemoteFillsOptions): RemoteFills {
  const authorization = fillAuthorization(clusterSecret);
  const connections = createPeerConnections(tls);

  const get = async (
    { address, fillId }: FillPlace,
    path: string,
    signal: AbortSignal,
    timeoutMs = silenceMs,
  ): Promise<PeerAnswer | undefined> => {
    const traceparent = tracedBy?.();
    const headers = { authorization, ...(traceparent !== undefined && { traceparent }) };
    let answer: PeerAnswer;
    try {
      answer = await connections.get(`${address}${protocolPath}/${fillId}${path}`, { headers, signal, timeoutMs });
    } catch (error) {
      signal.throwIfAborted();
      throw new SourceInterrupted(`the worker at ${address} cannot be reached`, { cause: error });
    }
    const { statusCode } = answer.head;
    if (statusCode === 200) return answer;
    answer.body.destroy(new Error(`the worker answered ${statusCode}`));
    if (statusCode === 404) return undefined;
    if (statusCode === 401)
      throw new CacheError(
        'store-unavailable',
        `The worker at ${address} refuses this node: cluster.secretfile has to be the same on all nodes.`,
      );
    throw new SourceInterrupted(`the worker at ${address} answered ${statusCode}`);
  };

  return {
    async open(place, { from, toExclusive, verified }, signal) {
      const answer = await get(place, `?from=${from}&to=${toExclusive}${verified ? '&verified=1' : ''}`, signal);
      return answer && createFrameReader(answer.body);
    },
    async openPresent(place, from, signal) {
      const answer = await get(place, `/present?from=${from}`, signal);
      if (answer === undefined) return undefined;
      const endExclusive = Number(answer.head.headers[presentEndHeader]);
      return { endExclusive, reader: createFrameReader(answer.body) };
    },
    async checksum(place, from, toExclusive) {
      try {
        const path = `/checksum?from=${from}&to=${toExclusive}`;
        const answer = await get(place, path, AbortSignal.timeout(checksumMs), checksumMs);
        return answer && (JSON.parse(await readText(answer.body)) as { crc32: number }).crc32;
      } catch {
        return undefined;
      }
    },
    close: async () => connections.close(),
  };
}

async function readText(body: PeerAnswer['body']): Promise<string> {
  const buffer = Buffer.alloc(maxChecksumBytes);
  let filled = 0;
  try {
    while (filled < buffer.length) {
      const length = await body.read(buffer.subarray(filled));
      if (length === 0) break;
      filled += length;
    }
    return buffer.toString('utf8', 0, filled);
  } finally {
    body.destroy(new Error('the answer has been read'));
  }
}

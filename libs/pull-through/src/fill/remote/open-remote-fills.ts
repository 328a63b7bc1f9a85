// A frontend's way to fills that run on workers, and a worker's to those of its predecessor. Connections are pooled for
// each worker; a worker that does not answer at once is taken for gone.
import type { Dispatcher } from 'undici';
import type { FillRecord } from '@cistern/cache-index';
import { CacheError } from '@cistern/errors';
import { SourceInterrupted } from '../../read/source-interrupted.ts';
import type { FillRange } from '../fill.ts';
import { presentEndHeader } from './answer-fill.ts';
import { protocolPath, silenceMs } from './fill-frames.ts';
import { fillAuthorization } from './fill-token.ts';
import { openPeerAgent, type PeerTls } from './peer-agent.ts';
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
   * `store-unavailable` if that has another secret.
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

const headersMs = 3_000;
const checksumMs = 60_000;
const bodyBufferBytes = 256 * 1024;

export function openRemoteFills({ clusterSecret, tls, traceparent: tracedBy }: RemoteFillsOptions): RemoteFills {
  const authorization = fillAuthorization(clusterSecret);
  const agent = openPeerAgent(tls);

  const get = async (
    { address, fillId }: FillPlace,
    path: string,
    signal: AbortSignal,
    headersTimeout = headersMs,
  ): Promise<Dispatcher.ResponseData | undefined> => {
    const traceparent = tracedBy?.();
    let response: Dispatcher.ResponseData;
    try {
      response = await agent.request({
        origin: address,
        path: `${protocolPath}/${fillId}${path}`,
        method: 'GET',
        headers: { authorization, ...(traceparent !== undefined && { traceparent }) },
        headersTimeout,
        bodyTimeout: silenceMs,
        highWaterMark: bodyBufferBytes,
        signal,
      });
    } catch (error) {
      signal.throwIfAborted();
      throw new SourceInterrupted(`the worker at ${address} cannot be reached`, { cause: error });
    }
    if (response.statusCode === 200) return response;
    await response.body.dump();
    if (response.statusCode === 404) return undefined;
    if (response.statusCode === 401)
      throw new CacheError(
        'store-unavailable',
        `The worker at ${address} refuses this node: cluster.secretfile has to be the same on all nodes.`,
      );
    throw new SourceInterrupted(`the worker at ${address} answered ${response.statusCode}`);
  };

  return {
    async open(place, { from, toExclusive, verified }, signal) {
      const response = await get(place, `?from=${from}&to=${toExclusive}${verified ? '&verified=1' : ''}`, signal);
      return response && createFrameReader(response.body);
    },
    async openPresent(place, from, signal) {
      const response = await get(place, `/present?from=${from}`, signal);
      if (response === undefined) return undefined;
      const endExclusive = Number(response.headers[presentEndHeader]);
      return { endExclusive, reader: createFrameReader(response.body) };
    },
    async checksum(place, from, toExclusive) {
      try {
        const path = `/checksum?from=${from}&to=${toExclusive}`;
        const response = await get(place, path, AbortSignal.timeout(checksumMs), checksumMs);
        return ((await response?.body.json()) as { crc32: number } | undefined)?.crc32;
      } catch {
        return undefined;
      }
    },
    close: () => agent.destroy(),
  };
}

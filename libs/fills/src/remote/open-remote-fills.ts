// A frontend's way to fills that run on workers, and a worker's to those of its predecessor. A worker that does not answer
// at once is taken for gone.
import type { FillRecord } from '@cistern/index';
import { CacheError } from '@cistern/errors';
import { type BodyConnection, openBodyConnection, type ResponseHead, SourceInterrupted } from '@cistern/streams';
import type { FillRange } from '../fill/fill.ts';
import { presentEndHeader, protocolPath, silenceMs, fillAuthorization } from './fill-frames.ts';
import { type FrameReader, createFrameReader } from './read-frames.ts';

/** For workers whose address begins with `https:`. PEM; `certificate` and `key` where they ask for a certificate. */
export interface PeerTls {
  readonly ca?: string | undefined;
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
}

interface PeerAnswer {
  readonly head: ResponseHead;
  /** As `BodyConnection`'s. Read to its end, or destroyed. */
  readonly body: Pick<BodyConnection, 'read' | 'destroy'>;
}

interface PeerGetOptions {
  readonly headers: Readonly<Record<string, string>>;
  /** Breaks off the answer, too. */
  readonly signal: AbortSignal;
  /** How long the worker may be silent while a reader waits for it. */
  readonly timeoutMs: number;
}

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

/** Also the wait that a dead machine costs. */
export const connectMs = 1_000;
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

/**
 * Connections to workers, one for each answer. A body is read from the socket right into the reader's own buffers: a frontend
 * passes on every byte of every cold pull.
 */
function createPeerConnections(tls: PeerTls | undefined) {
  const open = new Set<BodyConnection>();
  let closed = false;

  const connect = ({ protocol, hostname, port }: URL, { signal, timeoutMs }: PeerGetOptions): BodyConnection => {
    const onAbort = () => connection.destroy(signal.reason as Error);
    const secure = protocol === 'https:';
    const connection = openBodyConnection({
      host: hostname.replace(/^\[|\]$/g, ''),
      port: Number(port || (secure ? 443 : 80)),
      secure,
      tls: { ca: tls?.ca, cert: tls?.certificate, key: tls?.key },
      timeoutMs,
      connectMs,
      onClose() {
        open.delete(connection);
        signal.removeEventListener('abort', onAbort);
      },
    });
    open.add(connection);
    signal.addEventListener('abort', onAbort);
    return connection;
  };

  return {
    /** `url`: `http://10.0.0.1:5002/path?query`. Rejects when the connection fails, or with the reason of `signal`. */
    async get(url: string, options: PeerGetOptions): Promise<PeerAnswer> {
      options.signal.throwIfAborted();
      if (closed) throw closedError();
      const { promise, resolve, reject } = Promise.withResolvers<PeerAnswer>();
      const place = new URL(url);
      const connection = connect(place, options);
      connection.request(formatGet(place, options.headers), {
        onHead(head) {
          resolve({ head, body: connection });
          return undefined;
        },
        onError: reject,
      });
      return promise;
    },
    /** Breaks off whatever is still open, and refuses what comes later. */
    close(): void {
      closed = true;
      for (const connection of open) connection.destroy(closedError());
    },
  };
}

function formatGet({ pathname, search, host }: URL, headers: Readonly<Record<string, string>>): string {
  const lines = Object.entries({ host, connection: 'close', ...headers }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  return `GET ${pathname}${search} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

function closedError(): Error {
  return new Error('the connections to workers have been closed');
}

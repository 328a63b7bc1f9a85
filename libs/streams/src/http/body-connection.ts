// One HTTP connection that requests bodies, one after the other. It reads them from the socket directly into the buffers of its
// reader. It needs no stream, and no new buffer or copy for each piece. Node's HTTP client spends most of its time on those
// (decision 0043).
import { connect as connectPlain, isIP, type OnReadOpts, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectSecure } from 'node:tls';
import { BodyError, endedEarly, parseResponseHead, type ResponseHead } from './response-head.ts';

export interface BodyConnectionOptions {
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
  /** TLS options if `secure`, in PEM. Unset means the system's CA certificates, and no client certificate. */
  readonly tls?: Pick<ConnectionOptions, 'ca' | 'cert' | 'key'> | undefined;
  /** The longest time for which the server may send nothing while a request or a read waits. */
  readonly timeoutMs: number;
  /** The time limit for the connection itself. Unset means that only `timeoutMs` applies. */
  readonly connectMs?: number | undefined;
  /**
   * A read waits until it has at least this many bytes, or the last bytes of the body. Unset means 1, so a read returns the first
   * available bytes. If a piece fills its buffer completely, the read waits for another piece.
   */
  readonly enoughBytes?: number | undefined;
  /** Called when the server has sent nothing for `timeoutMs`. */
  readonly onSilent?: () => void;
  /** Called when a body has been read to its end, and the next request can be sent. */
  readonly onFree?: () => void;
  /** Called one time when the connection ends, for any reason. */
  readonly onClose: () => void;
}

/** Receives all bytes of a response until its connection ends. Used instead of `read`. */
export interface Diversion {
  onBytes(bytes: Buffer): void;
  onEnd(error: Error): void;
}

interface Exchange {
  /**
   * Receives the head, and all bytes of the response so far, including the head. If it returns a diversion for the rest, the
   * connection serves no further request. If it returns `undefined`, the caller reads the body, or destroys the connection. In
   * that case the body must not be chunked and its end must be known, otherwise the connection is destroyed.
   */
  onHead(head: ResponseHead, soFar: Buffer): Diversion | undefined;
  /** Called if the connection ends before the response head has arrived. */
  onError(error: Error): void;
}

export interface BodyConnection {
  /** Sends a request without a body. Must be called only if the connection is new, or after `onFree`. */
  request(text: string, exchange: Exchange): void;
  /**
   * Writes bytes to the start of `into` and resolves to their number. Resolves to 0 only after the whole body. Rejects if the
   * connection breaks, ends or is silent before that. A body without a length always ends with a rejection, because only the end
   * of the connection ends it. Do not call `read` concurrently.
   */
  read(into: Uint8Array): Promise<number>;
  /** The `performance.now()` since which bytes wait for a read. `undefined` if free, ended, or waiting for the server. */
  readonly unreadSinceMs: number | undefined;
  /** Closes the connection. Waiting calls end with `error`, and no buffer is written after this call. Idempotent. */
  destroy(error: Error): void;
}

/** Connects immediately. The caller destroys the connection, unless the server or a timeout ends it earlier. */
export function openBodyConnection(options: BodyConnectionOptions): BodyConnection {
  return new Connection(options);
}

/** The first bytes of a read are copied from this buffer, because a socket can get another buffer only when bytes arrive. */
const firstBytes = { plain: 4 * 1024, secure: 16 * 1024 };
const maxHeadBytes = 64 * 1024;
const endOfHead = '\r\n\r\n';
const noBytes = Buffer.alloc(0);

interface Read {
  readonly into: Uint8Array;
  filled: number;
  readonly resolve: (length: number) => void;
  readonly reject: (error: Error) => void;
}

/** Its functions are own properties, because callers use `read` without its object. */
class Connection implements BodyConnection {
  readonly #options: BodyConnectionOptions;
  readonly #enoughBytes: number;
  readonly #first: Buffer;
  readonly #socket: Socket;
  readonly #silence: NodeJS.Timeout;
  /** Bytes of the body that arrived before a read requested them. There are nearly always a few. */
  readonly #early = createEarlyBytes();
  /** The buffer for the next bytes from the socket: `#first`, or the rest of a read's buffer. */
  #target: Uint8Array;
  /** The exchange whose response head has not arrived yet. */
  #exchange: Exchange | undefined;
  #answer: Buffer = noBytes;
  #reading: Read | undefined;
  #diverted: Diversion | undefined;
  /** Bytes of the body that have not arrived yet. */
  #left = 0;
  #keepsAlive = true;
  #lastReadMs = 0;
  #failure: Error | undefined;

  constructor(options: BodyConnectionOptions) {
    const { secure, timeoutMs, connectMs, enoughBytes = 1 } = options;
    this.#options = options;
    this.#enoughBytes = enoughBytes;
    this.#first = Buffer.allocUnsafeSlow(secure ? firstBytes.secure : firstBytes.plain);
    this.#target = this.#first;
    this.#socket = connect(options, {
      buffer: () => this.#target,
      callback: (length, buffer) => this.#onBytes(length, buffer),
    });
    const connecting =
      connectMs === undefined
        ? undefined
        : setTimeout(() => this.destroy(new BodyError('SILENT', `no connection within ${connectMs} ms`)), connectMs);
    this.#silence = setTimeout(() => this.#onSilence(), timeoutMs);
    this.#socket.once(secure ? 'secureConnect' : 'connect', () => clearTimeout(connecting));
    this.#socket.on('error', this.destroy);
    this.#socket.on('end', () => this.destroy(endedEarly()));
    this.#socket.once('close', () => {
      this.destroy(endedEarly());
      clearTimeout(this.#silence);
      clearTimeout(connecting);
      options.onClose();
    });
  }

  get unreadSinceMs(): number | undefined {
    const isWaiting = this.#exchange !== undefined || this.#reading !== undefined || this.#diverted !== undefined;
    const hasBytes = this.#left > 0 || this.#early.length > 0;
    return isWaiting || !hasBytes || this.#failure !== undefined ? undefined : this.#lastReadMs;
  }

  readonly request = (text: string, exchange: Exchange): void => {
    if (this.#failure !== undefined) return exchange.onError(this.#failure);
    this.#exchange = exchange;
    this.#silence.refresh();
    this.#socket.write(text, 'latin1');
    this.#socket.resume();
  };

  readonly read = (into: Uint8Array): Promise<number> => {
    const filled = this.#early.take(into);
    this.#lastReadMs = performance.now();
    if (this.#left === 0 && this.#early.length === 0 && filled > 0) {
      // The socket of a free connection keeps reading, so that the end of the connection is noticed.
      this.#socket.resume();
      this.#onEndOfBody();
    }
    const isLast = this.#left === 0 || this.#failure !== undefined;
    const isEnough = filled === into.length || filled >= this.#enoughBytes || (isLast && filled > 0);
    if (isEnough || this.#left === 0) return Promise.resolve(filled);
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#reading = { into, filled, resolve, reject };
      this.#silence.refresh();
      this.#socket.resume();
    });
  };

  readonly destroy = (error: Error): void => {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#target = this.#first;
    this.#socket.destroy();
    this.#exchange?.onError(error);
    this.#exchange = undefined;
    this.#diverted?.onEnd(error);
    const reading = this.#reading;
    this.#reading = undefined;
    if (reading === undefined) return;
    if (reading.filled > 0) reading.resolve(reading.filled);
    else reading.reject(error);
  };

  /** Returns whether the socket continues to read. It then reads into the `#target` that is set at that time. */
  #onBytes(length: number, buffer: Uint8Array): boolean {
    if (this.#failure !== undefined) return false;
    const bytes = buffer.subarray(0, length);
    if (this.#diverted !== undefined) {
      this.#silence.refresh();
      this.#diverted.onBytes(Buffer.from(bytes));
      return true;
    }
    if (this.#exchange !== undefined) return this.#onHead(this.#exchange, bytes);
    // Bytes after the end of a body belong to no request, so the response is invalid.
    if (this.#left < length) return this.#breakOff();
    this.#left -= length;
    if (this.#reading !== undefined) return this.#onBody(this.#reading, bytes, buffer === this.#first);
    // No read waits for these bytes. This happens with TLS, which passes on bytes that it has already decrypted.
    this.#early.add(bytes);
    return false;
  }

  #onHead(exchange: Exchange, bytes: Uint8Array): boolean {
    const answer = Buffer.concat([this.#answer, bytes]);
    this.#answer = answer;
    const end = answer.indexOf(endOfHead);
    if (end < 0) return answer.length <= maxHeadBytes || this.#breakOff();
    const rest = answer.subarray(end + endOfHead.length);
    let head: ResponseHead;
    try {
      head = parseResponseHead(answer.toString('latin1', 0, end));
    } catch (error) {
      this.destroy(error as Error);
      return false;
    }
    this.#answer = noBytes;
    // This is an informational response, so the final one follows.
    if (head.statusCode < 200) return this.#onHead(exchange, rest);
    this.#exchange = undefined;
    this.#left = (head.length ?? (head.isUnbounded ? Infinity : 0)) - rest.length;
    this.#keepsAlive = head.keepsAlive;
    this.#lastReadMs = performance.now();
    this.#silence.refresh();
    this.#diverted = exchange.onHead(head, answer);
    if (this.#diverted !== undefined) return true;
    const isDelimited = head.length !== undefined || head.isUnbounded;
    if (!isDelimited || this.#left < 0) return this.#breakOff();
    this.#early.add(rest);
    if (head.length !== 0) return false;
    this.#onEndOfBody();
    return true;
  }

  #onBody(read: Read, bytes: Uint8Array, isFirst: boolean): boolean {
    const { into } = read;
    const room = into.length - read.filled;
    if (isFirst) into.set(bytes.subarray(0, room), read.filled);
    if (bytes.length > room) this.#early.add(bytes.subarray(room));
    read.filled += Math.min(room, bytes.length);
    // If the buffer was filled completely, the socket probably has more bytes, so the read continues.
    const mayBeMore = bytes.length === this.#target.length || read.filled < this.#enoughBytes;
    if (mayBeMore && this.#left > 0 && read.filled < into.length) {
      this.#silence.refresh();
      this.#target = into.subarray(read.filled, Math.min(into.length, read.filled + this.#left));
      return true;
    }
    this.#target = this.#first;
    this.#reading = undefined;
    this.#lastReadMs = performance.now();
    const isEnd = this.#left === 0 && this.#early.length === 0;
    if (isEnd) this.#onEndOfBody();
    read.resolve(read.filled);
    return isEnd;
  }

  #onEndOfBody(): void {
    if (this.#keepsAlive && this.#failure === undefined) this.#options.onFree?.();
    else this.#socket.destroy();
  }

  #onSilence(): void {
    if (this.#exchange === undefined && this.#reading === undefined && this.#diverted === undefined) return;
    this.#options.onSilent?.();
    this.destroy(new BodyError('SILENT', `no byte for ${this.#options.timeoutMs} ms`));
  }

  #breakOff(): false {
    this.destroy(new BodyError('NOT_HTTP', 'the server sent an invalid response'));
    return false;
  }
}

function connect({ host, port, secure, tls }: BodyConnectionOptions, onread: OnReadOpts): Socket {
  const common = { host, port, noDelay: true, keepAlive: true, onread };
  if (!secure) return connectPlain(common);
  const servername = isIP(host) === 0 ? { servername: host } : {};
  return connectSecure({ ...common, ...tls, ...servername, ALPNProtocols: ['http/1.1'] });
}

function createEarlyBytes() {
  const pieces: Uint8Array[] = [];
  let length = 0;
  return {
    get length(): number {
      return length;
    },
    /** Adds a copy of `bytes`. */
    add(bytes: Uint8Array): void {
      if (bytes.length === 0) return;
      pieces.push(Buffer.from(bytes));
      length += bytes.length;
    },
    /** Moves as many bytes as fit to the start of `into`, and returns their number. */
    take(into: Uint8Array): number {
      let filled = 0;
      for (let piece = pieces[0]; piece !== undefined && filled < into.length; piece = pieces[0]) {
        const part = piece.subarray(0, into.length - filled);
        into.set(part, filled);
        filled += part.length;
        if (part.length === piece.length) pieces.shift();
        else pieces[0] = piece.subarray(part.length);
      }
      length -= filled;
      return filled;
    },
  };
}

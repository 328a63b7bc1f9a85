// One connection that is asked for bodies, one after the other, and reads them from the socket right into the reader's own
// buffers: no stream, and neither a buffer nor a copy for each piece, which is where Node's HTTP client spends its time
// (decision 0043).
import { connect as connectPlain, isIP, type OnReadOpts, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectSecure } from 'node:tls';
import { BodyError, endedEarly, parseResponseHead, type ResponseHead } from './response-head.ts';

export interface BodyConnectionOptions {
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
  /** Where `secure`; default: the system's authorities, and no certificate of our own. PEM. */
  readonly tls?: Pick<ConnectionOptions, 'ca' | 'cert' | 'key'> | undefined;
  /** How long the server may be silent while a request or a read waits for it. */
  readonly timeoutMs: number;
  /** How long it may take to be connected; default: no other limit than that. */
  readonly connectMs?: number | undefined;
  /**
   * A read is not over before so many bytes have come, or the last ones; default 1: what is there. After a piece that fills what
   * it is read into to the last byte, it waits for another one.
   */
  readonly enoughBytes?: number | undefined;
  /** The server was silent for that long. */
  readonly onSilent?: () => void;
  /** A body has been read to its end, and the next request may follow. */
  readonly onFree?: () => void;
  /** Once, whatever ended it. */
  readonly onClose: () => void;
}

/** Takes an answer that is not a body to read, to the end of its connection. */
export interface Diversion {
  onBytes(bytes: Buffer): void;
  onEnd(error: Error): void;
}

interface Exchange {
  /**
   * The answer's head, and all that has come of the answer, that head included. With a diversion for the rest the
   * connection serves no further request; without one its body is to be read, or the connection destroyed. Without one
   * too, a body that is in chunks, or whose end nothing tells, breaks the connection off.
   */
  onHead(head: ResponseHead, soFar: Buffer): Diversion | undefined;
  /** Instead, when there is no answer. */
  onError(error: Error): void;
}

export interface BodyConnection {
  /** Sends a request that has no body. Only when the connection is new or free. */
  request(text: string, exchange: Exchange): void;
  /**
   * Fills `into` from its start and returns how many bytes: 0 only when the whole body has been given. Rejects when the
   * connection breaks, ends, or is silent, before that; an unbounded body has no other end. Not for concurrent reads.
   */
  read(into: Uint8Array): Promise<number>;
  /** On the monotonic clock; `undefined`: it is free, has ended, or waits for its server. */
  readonly unreadSinceMs: number | undefined;
  /** Breaks it off; what waits ends with `error`, and nothing is written to any buffer from now on. Idempotent. */
  destroy(error: Error): void;
}

/** Connects at once; the caller destroys it, or it ends by itself. */
export function openBodyConnection(options: BodyConnectionOptions): BodyConnection {
  return new Connection(options);
}

/** Of a read what comes first is read into this and copied: only when bytes come can a socket be given another buffer. */
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

/** Its functions are its own properties: callers take `read` alone. */
class Connection implements BodyConnection {
  readonly #options: BodyConnectionOptions;
  readonly #enoughBytes: number;
  readonly #first: Buffer;
  readonly #socket: Socket;
  readonly #silence: NodeJS.Timeout;
  /** Of the body, before a reader wanted them: few, but some always. */
  readonly #early = createEarlyBytes();
  /** Where the socket reads into next: `#first`, or what is left of the buffer of a read. */
  #target: Uint8Array;
  /** Waits for the head of its answer. */
  #exchange: Exchange | undefined;
  #answer: Buffer = noBytes;
  #reading: Read | undefined;
  #diverted: Diversion | undefined;
  /** Bytes of the body that have not come yet. */
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
      // A free connection is read on, so that its end is noticed.
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

  /** Whether the socket may go on reading, into `#target` as it is when this returns. */
  #onBytes(length: number, buffer: Uint8Array): boolean {
    if (this.#failure !== undefined) return false;
    const bytes = buffer.subarray(0, length);
    if (this.#diverted !== undefined) {
      this.#silence.refresh();
      this.#diverted.onBytes(Buffer.from(bytes));
      return true;
    }
    if (this.#exchange !== undefined) return this.#onHead(this.#exchange, bytes);
    // What follows the end of a body is the answer to nothing.
    if (this.#left < length) return this.#breakOff();
    this.#left -= length;
    if (this.#reading !== undefined) return this.#onBody(this.#reading, bytes, buffer === this.#first);
    // TLS goes on with what it has decrypted already.
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
    // A word on the way, not the answer.
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
    // After a full buffer there are likely more in the socket, and they are looked for at once.
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
    this.destroy(new BodyError('NOT_HTTP', 'it sent what is no answer'));
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
    /** Keeps a copy. */
    add(bytes: Uint8Array): void {
      if (bytes.length === 0) return;
      pieces.push(Buffer.from(bytes));
      length += bytes.length;
    },
    /** Moves what fits into the start of `into`, and returns how many bytes. */
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

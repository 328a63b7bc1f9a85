// One connection that is asked for bodies, one after the other, and reads them from the socket right into the reader's own
// buffers: no stream, and neither a buffer nor a copy for each piece, which is where Node's HTTP client spends its time
// (decision 0043).
import { connect as connectPlain, isIP } from 'node:net';
import { type ConnectionOptions, connect as connectSecure } from 'node:tls';
import { createEarlyBytes } from './early-bytes.ts';
import { BodyError, endedEarly } from './body-error.ts';
import { type ResponseHead, parseResponseHead } from './response-head.ts';

export interface BodyConnectionOptions {
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
  /** Where `secure`; default: the system's authorities, and no certificate of our own. PEM. */
  readonly tls?: Pick<ConnectionOptions, 'ca' | 'cert' | 'key'> | undefined;
  /** How long the server may be silent while somebody waits for it. */
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

interface Asking {
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
  ask(request: string, asking: Asking): void;
  /**
   * Fills `into` from its start and returns how many bytes: 0 only when the whole body has been given. Rejects when the
   * connection breaks, ends, or is silent, before that; an unbounded body has no other end. Not for concurrent reads.
   */
  read(into: Uint8Array): Promise<number>;
  /** Breaks it off; what waits ends with `error`, and nothing is written to any buffer from now on. Idempotent. */
  destroy(error: Error): void;
}

/** Of a read what comes first is read into this and copied: only when bytes come can a socket be told of another buffer. */
const firstBytes = { plain: 4 * 1024, secure: 16 * 1024 };
const maxHeadBytes = 64 * 1024;
const endOfHead = '\r\n\r\n';

interface Read {
  readonly into: Uint8Array;
  filled: number;
  readonly resolve: (length: number) => void;
  readonly reject: (error: Error) => void;
}

/** Connects at once; the caller destroys it, or it ends by itself. */
export function openBodyConnection(options: BodyConnectionOptions): BodyConnection {
  const { host, port, secure, tls, timeoutMs, connectMs, enoughBytes = 1 } = options;
  const first = Buffer.allocUnsafeSlow(secure ? firstBytes.secure : firstBytes.plain);
  /** Where the socket reads into next: `first`, or what is left of the buffer of a read. */
  let target: Uint8Array = first;
  let asked: Asking | undefined;
  let reading: Read | undefined;
  let diverted: Diversion | undefined;
  let answer = Buffer.alloc(0);
  /** Of the body, before anybody wanted them. */
  const early = createEarlyBytes();
  /** Bytes of the body that have not come yet. */
  let left = 0;
  let keepsAlive = true;
  let failure: Error | undefined;

  const onread = { buffer: () => target, callback: onBytes };
  const common = { host, port, noDelay: true, keepAlive: true, onread };
  const socket = secure
    ? connectSecure({ ...common, ...tls, ...(isIP(host) === 0 && { servername: host }), ALPNProtocols: ['http/1.1'] })
    : connectPlain(common);
  socket.on('error', destroy);
  socket.on('end', () => destroy(endedEarly()));
  socket.once('close', () => {
    destroy(endedEarly());
    clearTimeout(silence);
    clearTimeout(connecting);
    options.onClose();
  });
  const connecting =
    connectMs === undefined
      ? undefined
      : setTimeout(() => destroy(new BodyError('SILENT', `no connection within ${connectMs} ms`)), connectMs);
  socket.once(secure ? 'secureConnect' : 'connect', () => clearTimeout(connecting));
  const silence = setTimeout(() => {
    if (asked === undefined && reading === undefined && diverted === undefined) return;
    options.onSilent?.();
    destroy(new BodyError('SILENT', `no byte for ${timeoutMs} ms`));
  }, timeoutMs);

  /** Whether the socket may go on reading, into what is `target` when this returns. */
  function onBytes(length: number, buffer: Uint8Array): boolean {
    if (failure !== undefined) return false;
    const bytes = buffer.subarray(0, length);
    if (diverted !== undefined) {
      silence.refresh();
      diverted.onBytes(Buffer.from(bytes));
      return true;
    }
    if (asked !== undefined) return onHead(asked, bytes);
    // What follows the end of a body is the answer to nothing.
    if (left < length) return breakOff();
    left -= length;
    if (reading !== undefined) return onBody(reading, bytes, buffer === first);
    // TLS goes on with what it has decrypted already.
    early.add(bytes);
    return false;
  }

  function onHead(asking: Asking, bytes: Uint8Array): boolean {
    answer = Buffer.concat([answer, bytes]);
    const end = answer.indexOf(endOfHead);
    if (end < 0) return answer.length <= maxHeadBytes || breakOff();
    const rest = answer.subarray(end + endOfHead.length);
    let head: ResponseHead;
    try {
      head = parseResponseHead(answer.toString('latin1', 0, end));
    } catch (error) {
      destroy(error as Error);
      return false;
    }
    // A word on the way, not the answer.
    if (head.statusCode < 200) {
      answer = Buffer.alloc(0);
      return onHead(asking, rest);
    }
    asked = undefined;
    left = (head.length ?? (head.isUnbounded ? Infinity : 0)) - rest.length;
    ({ keepsAlive } = head);
    silence.refresh();
    diverted = asking.onHead(head, answer);
    answer = Buffer.alloc(0);
    if (diverted !== undefined) return true;
    const isTold = head.length !== undefined || head.isUnbounded;
    if (!isTold || left < 0) return breakOff();
    early.add(rest);
    if (head.length !== 0) return false;
    onEndOfBody();
    return true;
  }

  function onBody(read: Read, bytes: Uint8Array, isFirst: boolean): boolean {
    const { into } = read;
    const room = into.length - read.filled;
    if (isFirst) into.set(bytes.subarray(0, room), read.filled);
    if (bytes.length > room) early.add(bytes.subarray(room));
    read.filled += Math.min(room, bytes.length);
    // After a full buffer there are likely more in the socket, and they are looked for at once.
    const mayBeMore = bytes.length === target.length || read.filled < enoughBytes;
    if (mayBeMore && left > 0 && read.filled < into.length) {
      silence.refresh();
      target = into.subarray(read.filled, Math.min(into.length, read.filled + left));
      return true;
    }
    target = first;
    reading = undefined;
    const isEnd = left === 0 && early.length === 0;
    if (isEnd) onEndOfBody();
    read.resolve(read.filled);
    return isEnd;
  }

  function onEndOfBody(): void {
    if (keepsAlive && failure === undefined) options.onFree?.();
    else socket.destroy();
  }

  function breakOff(): false {
    destroy(new BodyError('NOT_HTTP', 'it sent what is no answer'));
    return false;
  }

  function destroy(error: Error): void {
    if (failure !== undefined) return;
    failure = error;
    target = first;
    socket.destroy();
    asked?.onError(error);
    asked = undefined;
    diverted?.onEnd(error);
    if (reading === undefined) return;
    if (reading.filled > 0) reading.resolve(reading.filled);
    else reading.reject(error);
    reading = undefined;
  }

  return {
    ask(request, asking) {
      if (failure !== undefined) return asking.onError(failure);
      asked = asking;
      silence.refresh();
      socket.write(request, 'latin1');
      return void socket.resume();
    },
    read(into) {
      const filled = early.take(into);
      if (left === 0 && early.length === 0 && filled > 0) {
        // A free connection is read on, so that its end is noticed.
        socket.resume();
        onEndOfBody();
      }
      const isLast = left === 0 || failure !== undefined;
      const isEnough = filled === into.length || filled >= enoughBytes || (isLast && filled > 0);
      if (isEnough || left === 0) return Promise.resolve(filled);
      if (failure !== undefined) return Promise.reject(failure);
      return new Promise((resolve, reject) => {
        reading = { into, filled, resolve, reject };
        silence.refresh();
        socket.resume();
      });
    },
    destroy,
  };
}

// The socket of one end of a connection: it implements `net.Socket` over a simulated kernel.
import { AsyncLocalStorage } from 'node:async_hooks';
import { Duplex } from 'node:stream';
import { type Owner, currentOwner } from '../owner.ts';
import { keepAlive, plan } from '../schedule.ts';
import { type Timer, setTimer } from '../timers.ts';
import { type ConnectionEnd, createConnectionEnd, endOfStream, resetByPeer } from './connection-end.ts';
import { network } from './network-state.ts';
import { systemError } from './system-error.ts';

export interface SocketOptions {
  readonly allowHalfOpen?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onread?:
    | {
        readonly buffer: Uint8Array | (() => Uint8Array);
        readonly callback: (length: number, buffer: Uint8Array) => boolean | undefined | void;
      }
    | undefined;
}

export interface SocketPlace {
  readonly address: string;
  readonly port: number;
}

const bufferBytes = 64 * 1024;

type Done = (error?: Error | null) => void;

export class SimulatedSocket extends Duplex {
  connecting = false;
  timeout = 0;
  bytesRead = 0;
  bytesWritten = 0;
  readonly encrypted = false;
  remoteAddress: string | undefined;
  remotePort: number | undefined;
  remoteFamily: string | undefined;
  localAddress: string | undefined;
  localPort: number | undefined;
  readonly owner: Owner | undefined = currentOwner();
  /** Runs work as its owner's code. */
  readonly act = AsyncLocalStorage.snapshot() as (work: () => void) => void;
  readonly connectionEnd: ConnectionEnd;

  readonly #onread: SocketOptions['onread'];
  readonly #endKeepAlive = keepAlive('socket');
  #isConnected = false;
  #isReading: boolean;
  #isTaking = false;
  #isReset = false;
  #timer: Timer | undefined;

  constructor({ allowHalfOpen = false, onread, signal }: SocketOptions = {}) {
    super({
      allowHalfOpen,
      autoDestroy: true,
      // The socket emits `close` itself, with a flag for errors, as `net.Socket` does.
      emitClose: false,
      readableHighWaterMark: bufferBytes,
      writableHighWaterMark: bufferBytes,
      ...(signal !== undefined && { signal }),
    });
    this.#onread = onread;
    this.#isReading = onread !== undefined;
    this.connectionEnd = createConnectionEnd(this.owner, this.act, {
      onArrived: () => this.#take(),
      onReset: () => this.destroy(systemError('ECONNRESET', 'write')),
    });
    network.sockets.add(this);
  }

  get pending(): boolean {
    return !this.#isConnected;
  }

  get readyState(): string {
    if (this.connecting) return 'opening';
    if (this.readable && this.writable) return 'open';
    if (this.readable) return 'readOnly';
    return this.writable ? 'writeOnly' : 'closed';
  }

  /** Connects both ends. Each end is notified by an event of its own. */
  join(peer: SimulatedSocket, here: SocketPlace, there: SocketPlace): void {
    this.connectionEnd.join(peer.connectionEnd);
    this.connecting = false;
    this.#isConnected = true;
    this.localAddress = here.address;
    this.localPort = here.port;
    this.remoteAddress = there.address;
    this.remotePort = there.port;
    this.remoteFamily = there.address.includes(':') ? 'IPv6' : 'IPv4';
  }

  announceConnected(): void {
    this.emit('connect');
    this.emit('ready');
    this.begin();
  }

  /** Reads ahead, even if no reader has requested data yet. */
  begin(): void {
    if (this.#onread === undefined) this.read(0);
    this.#take();
  }

  /** Called after the process of the socket was killed. The simulated system then closes this end. */
  abandon(): void {
    this.connectionEnd.close(false);
    network.sockets.delete(this);
    this.#endKeepAlive();
  }

  setTimeout(delayMs: number, callback?: () => void): this {
    this.#timer?.close();
    this.#timer = undefined;
    this.timeout = delayMs;
    if (delayMs === 0) {
      if (callback !== undefined) this.removeListener('timeout', callback);
      return this;
    }
    if (callback !== undefined) this.once('timeout', callback);
    this.#timer = setTimer('socket timeout', delayMs, () => this.emit('timeout')).unref();
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    this.#endKeepAlive();
    return this;
  }

  get here() {
    return { address: this.localAddress, port: this.localPort, family: this.remoteFamily };
  }

  get there() {
    return { address: this.remoteAddress, port: this.remotePort, family: this.remoteFamily };
  }

  address(): object {
    return this.here;
  }

  resetAndDestroy(): this {
    this.#isReset = true;
    return this.destroy();
  }

  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', () => this.destroy());
  }

  override resume(): this {
    super.resume();
    if (this.#onread !== undefined) this.#readOn();
    return this;
  }

  override pause(): this {
    if (this.#onread !== undefined) this.#isReading = false;
    return super.pause();
  }

  override _read(): void {
    if (this.#onread === undefined) this.#readOn();
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, done: Done): void {
    if (this.connecting) {
      this.once('connect', () => this._write(chunk, encoding, done));
      return;
    }
    this.bytesWritten += chunk.length;
    this.#timer?.refresh();
    if (!this.connectionEnd.send(chunk, () => done())) done(systemError('ECONNRESET', 'write'));
  }

  override _final(done: Done): void {
    if (this.connecting) {
      this.once('connect', () => this._final(done));
      return;
    }
    this.connectionEnd.sendEnd();
    done();
  }

  override _destroy(error: Error | null, done: Done): void {
    this.#timer?.close();
    this.connectionEnd.close(this.#isReset);
    const close = () => {
      network.sockets.delete(this);
      this.#endKeepAlive();
      done(error);
      process.nextTick(() => this.emit('close', error !== null));
    };
    plan(0, close, { label: 'socket closed' });
  }

  #readOn(): void {
    this.#isReading = true;
    if (!this.connecting) this.#take();
  }

  /** Passes the arrived data to the reader, as far as the reader takes it. */
  #take(): void {
    if (this.#isTaking) return;
    this.#isTaking = true;
    while (this.#isReading && !this.destroyed && this.#takeOne());
    this.#isTaking = false;
  }

  #takeOne(): boolean {
    const given = this.#onread?.buffer;
    const buffer = typeof given === 'function' ? given() : given;
    const packet = this.connectionEnd.take(buffer?.length ?? Infinity);
    if (packet === undefined) return false;
    if (packet === resetByPeer) {
      this.destroy(systemError('ECONNRESET', 'read'));
      return false;
    }
    if (packet === endOfStream) {
      this.push(null);
      // No other reader reads this end.
      if (buffer !== undefined) this.read(0);
      return true;
    }
    this.bytesRead += packet.length;
    this.#timer?.refresh();
    if (buffer === undefined) this.#isReading = this.push(packet);
    else {
      buffer.set(packet);
      if (this.#onread?.callback(packet.length, buffer) === false) this.#isReading = false;
    }
    return true;
  }
}

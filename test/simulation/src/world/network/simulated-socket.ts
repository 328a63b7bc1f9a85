// One end of a connection: what `net.Socket` is to its users, with a peer in the same process in place of the kernel.
import { AsyncLocalStorage } from 'node:async_hooks';
import { Duplex } from 'node:stream';
import { type Owner, currentOwner } from '../owner.ts';
import { keepAlive, plan, schedule } from '../schedule.ts';
import { type Timer, setTimer } from '../timers.ts';
import { latencyMs, network } from './network-state.ts';
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

interface Place {
  readonly address: string;
  readonly port: number;
}

const windowBytes = 256 * 1024;
const bufferBytes = 64 * 1024;
/** Between two packets of one connection, so that they keep their order. */
const gapMs = 0.001;
/** While the network between two processes is cut. */
export const heldRetryMs = 50;
const end = Symbol('end');

type Packet = Buffer | typeof end;
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
  readonly owner: Owner | undefined;
  peer: SimulatedSocket | undefined;
  /** Its process is gone. */
  isAbandoned = false;

  readonly #onread: SocketOptions['onread'];
  readonly #inContext: <T>(work: () => T) => T;
  readonly #letGo: () => void;
  readonly #inbox: Packet[] = [];
  /** To the peer. */
  readonly #onWay: Packet[] = [];
  /** On the way to this end, or in its inbox. */
  #unreadBytes = 0;
  #isReading: boolean;
  #isTaking = false;
  #lastAtMs = 0;
  #isReset = false;
  /** Of a write that waits for the peer's window. */
  #blocked: Done | undefined;
  #timer: Timer | undefined;

  constructor({ allowHalfOpen = false, onread, signal }: SocketOptions = {}) {
    super({
      allowHalfOpen,
      autoDestroy: true,
      // With whether there was an error, as `net.Socket` does it.
      emitClose: false,
      readableHighWaterMark: bufferBytes,
      writableHighWaterMark: bufferBytes,
      ...(signal !== undefined && { signal }),
    });
    this.owner = currentOwner();
    this.#onread = onread;
    this.#isReading = onread !== undefined;
    this.#inContext = AsyncLocalStorage.snapshot();
    this.#letGo = keepAlive('socket');
    network.sockets.add(this);
  }

  get pending(): boolean {
    return this.connecting || this.peer === undefined;
  }

  get readyState(): string {
    if (this.connecting) return 'opening';
    if (this.readable && this.writable) return 'open';
    if (this.readable) return 'readOnly';
    return this.writable ? 'writeOnly' : 'closed';
  }

  /** Both ends are connected from now on; each hears of it in its own time. */
  join(peer: SimulatedSocket, here: Place, there: Place): void {
    this.peer = peer;
    this.connecting = false;
    const family = (place: Place) => (place.address.includes(':') ? 'IPv6' : 'IPv4');
    this.localAddress = here.address;
    this.localPort = here.port;
    this.remoteAddress = there.address;
    this.remotePort = there.port;
    this.remoteFamily = family(there);
  }

  /** As its owner's code. */
  act(work: () => void): void {
    this.#inContext(work);
  }

  announceConnected(): void {
    this.emit('connect');
    this.emit('ready');
    this.begin();
  }

  /** Reads ahead, whether or not somebody wants it yet. */
  begin(): void {
    if (this.#onread === undefined) this.read(0);
    this.#take();
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
    this.#letGo();
    return this;
  }

  address(): object {
    return { address: this.localAddress, port: this.localPort, family: this.remoteFamily };
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

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    if (this.connecting) {
      this.once('connect', () => this._write(chunk, _encoding, done));
      return;
    }
    const { peer } = this;
    if (peer === undefined || peer.destroyed || peer.isAbandoned) {
      // The kernel takes it, and the peer's answer is a reset.
      this.#later(() => this.#hearReset('read'));
      done();
      return;
    }
    this.bytesWritten += chunk.length;
    peer.#unreadBytes += chunk.length;
    this.#timer?.refresh();
    this.#send(peer, Buffer.from(chunk));
    if (peer.#unreadBytes >= windowBytes) this.#blocked = done;
    // The kernel takes it at once.
    else done();
  }

  override _final(done: Done): void {
    if (this.connecting) {
      this.once('connect', () => this._final(done));
      return;
    }
    const { peer } = this;
    if (peer !== undefined && !peer.destroyed) this.#send(peer, end);
    done();
  }

  override _destroy(error: Error | null, done: Done): void {
    this.#timer?.close();
    this.#blocked?.(systemError('ECONNRESET', 'write'));
    this.#blocked = undefined;
    this.closeEnd();
    plan(
      0,
      () => {
        network.sockets.delete(this);
        this.#letGo();
        done(error);
        process.nextTick(() => this.emit('close', error !== null));
      },
      { label: 'socket closed' },
    );
  }

  /** What the system does when nobody holds this end any more. */
  closeEnd(): void {
    const { peer } = this;
    if (peer === undefined || peer.destroyed || peer.isAbandoned) return;
    const isReset = this.#isReset || this.#unreadBytes > 0;
    if (isReset)
      plan(latencyMs(), () => peer.act(() => peer.#hearReset('read')), { owner: peer.owner, label: 'net reset' });
    else if (!this.writableFinished) this.#send(peer, end);
  }

  /** Its process was killed: the system closes this end. */
  abandon(): void {
    this.closeEnd();
    this.isAbandoned = true;
    network.sockets.delete(this);
    this.#letGo();
  }

  #hearReset(syscall: string): void {
    if (!this.destroyed) this.destroy(systemError('ECONNRESET', syscall));
  }

  #readOn(): void {
    this.#isReading = true;
    if (!this.connecting) this.#take();
  }

  /** What has arrived goes to the reader, as far as it takes it. */
  #take(): void {
    if (this.#isTaking) return;
    this.#isTaking = true;
    while (this.#isReading && this.#inbox.length > 0 && !this.destroyed) this.#takeOne();
    this.#isTaking = false;
  }

  #takeOne(): void {
    const packet = this.#inbox[0]!;
    if (packet === end) {
      this.#inbox.shift();
      this.push(null);
      // Nobody else reads this end.
      if (this.#onread !== undefined) this.read(0);
      return;
    }
    if (this.#onread === undefined) {
      this.#inbox.shift();
      this.#taken(packet.length);
      if (!this.push(packet)) this.#isReading = false;
      return;
    }
    const { buffer: given, callback } = this.#onread;
    const buffer = typeof given === 'function' ? given() : given;
    const length = Math.min(buffer.length, packet.length);
    buffer.set(packet.subarray(0, length));
    if (length === packet.length) this.#inbox.shift();
    else this.#inbox[0] = packet.subarray(length);
    this.#taken(length);
    if (callback(length, buffer) === false) this.#isReading = false;
  }

  #taken(bytes: number): void {
    this.bytesRead += bytes;
    this.#unreadBytes -= bytes;
    this.#timer?.refresh();
    if (this.#unreadBytes < windowBytes && this.peer !== undefined) this.peer.#unblock();
  }

  #unblock(): void {
    const done = this.#blocked;
    if (done === undefined) return;
    this.#blocked = undefined;
    this.#later(() => done());
  }

  #send(peer: SimulatedSocket, packet: Packet): void {
    this.#onWay.push(packet);
    plan(this.#nextDelayMs(), () => this.#deliver(peer), { owner: peer.owner, label: 'net' });
  }

  /** One packet, the first that was sent: none overtakes another, held or not. */
  #deliver(peer: SimulatedSocket): void {
    if (network.isHeld(this.owner?.name, peer.owner?.name)) {
      plan(heldRetryMs, () => this.#deliver(peer), { owner: peer.owner, label: 'net held' });
      return;
    }
    const packet = this.#onWay.shift();
    if (packet !== undefined) peer.act(() => peer.#arrived(packet));
  }

  #arrived(packet: Packet): void {
    if (this.destroyed) {
      const { peer } = this;
      if (packet !== end && peer !== undefined)
        plan(latencyMs(), () => peer.act(() => peer.#hearReset('read')), { owner: peer.owner, label: 'net reset' });
      return;
    }
    this.#inbox.push(packet);
    this.#take();
  }

  /** In this end's own time, after what it has sent. */
  #later(work: () => void): void {
    plan(this.#nextDelayMs(), () => this.act(work), { owner: this.owner, label: 'net sent' });
  }

  #nextDelayMs(): number {
    const { nowMs } = schedule;
    this.#lastAtMs = Math.max(this.#lastAtMs + gapMs, nowMs + latencyMs());
    return this.#lastAtMs - nowMs;
  }
}

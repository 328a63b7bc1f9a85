// What the kernel keeps of one end of a connection: packets that have arrived, a window for those on the way, and its close.
import type { Owner } from '../owner.ts';
import { plan, schedule } from '../schedule.ts';
import { latencyMs, network } from './network-state.ts';

export const endOfStream = Symbol('end of stream');
export const resetByPeer = Symbol('reset by peer');
type Packet = Buffer | typeof endOfStream | typeof resetByPeer;

/** The socket above it. Called as its owner's code. */
export interface EndUser {
  onArrived(): void;
  /** While a write waits: it fails at once. */
  onReset(): void;
}

export interface ConnectionEnd {
  readonly owner: Owner | undefined;
  /** Whether somebody holds it: else the peer's bytes are answered with a reset. */
  readonly isOpen: boolean;
  join(peer: ConnectionEnd): void;
  /** Takes the bytes at once; `done` is called when the peer's window has room again. False: the connection was reset. */
  send(bytes: Buffer, done: () => void): boolean;
  sendEnd(): void;
  /** The first packet that has arrived, up to `maxBytes` of it. */
  take(maxBytes: number): Packet | undefined;
  /** Nobody holds this end any more. Bytes that were not taken, or `reset`, are answered with a reset. */
  close(reset: boolean): void;
  /** Between the two ends alone. */
  deliver(packet: Packet): void;
  /** Bytes came that nobody takes. */
  answerWithReset(): void;
  onWindowSpace(): void;
  reserve(bytes: number): number;
}

const windowBytes = 256 * 1024;
/** Between two packets of one connection, so that they keep their order. */
const gapMs = 0.001;
/** While the network between two processes is cut. */
export const heldRetryMs = 50;

export function createConnectionEnd(
  owner: Owner | undefined,
  act: (work: () => void) => void,
  user: EndUser,
): ConnectionEnd {
  const inbox: Packet[] = [];
  const inFlight: Packet[] = [];
  let peer: ConnectionEnd | undefined;
  let isOpen = true;
  let hasSentEnd = false;
  let unreadBytes = 0;
  let lastAtMs = 0;
  let waiting: (() => void) | undefined;

  const nextDelayMs = () => {
    lastAtMs = Math.max(lastAtMs + gapMs, schedule.nowMs + latencyMs());
    return lastAtMs - schedule.nowMs;
  };

  const dispatch = (to: ConnectionEnd, packet: Packet) => {
    inFlight.push(packet);
    const arrive = () => {
      if (network.isHeld(owner?.name, to.owner?.name)) {
        plan(heldRetryMs, arrive, { owner: to.owner, label: 'net held' });
        return;
      }
      // The first that was sent: none overtakes another, held or not.
      const first = inFlight.shift();
      if (first !== undefined) to.deliver(first);
    };
    plan(nextDelayMs(), arrive, { owner: to.owner, label: 'net' });
  };

  const end: ConnectionEnd = {
    owner,
    get isOpen() {
      return isOpen;
    },
    join(other) {
      peer = other;
    },
    send(bytes, done) {
      if (inbox.includes(resetByPeer)) return false;
      if (peer === undefined || !peer.isOpen) {
        // The kernel takes it, and a reset comes back behind all that the peer has sent.
        peer?.answerWithReset();
        done();
        return true;
      }
      const unread = peer.reserve(bytes.length);
      dispatch(peer, Buffer.from(bytes));
      if (unread < windowBytes) done();
      else waiting = done;
      return true;
    },
    sendEnd() {
      if (hasSentEnd || peer === undefined || !peer.isOpen) return;
      hasSentEnd = true;
      dispatch(peer, endOfStream);
    },
    take(maxBytes) {
      const first = inbox[0];
      if (typeof first !== 'object' || first.length <= maxBytes) inbox.shift();
      else inbox[0] = first.subarray(maxBytes);
      if (typeof first !== 'object') return first;
      const taken = first.subarray(0, maxBytes);
      unreadBytes -= taken.length;
      if (unreadBytes < windowBytes) peer?.onWindowSpace();
      return taken;
    },
    close(reset) {
      if (!isOpen) return;
      isOpen = false;
      waiting = undefined;
      if (peer === undefined || !peer.isOpen) return;
      if (reset || unreadBytes > 0) dispatch(peer, resetByPeer);
      else end.sendEnd();
    },
    deliver(packet) {
      if (!isOpen) {
        if (typeof packet === 'object') end.answerWithReset();
        return;
      }
      // A reader gets what came before the reset, and hears of it when it reads on. A writer does at once.
      if (packet === resetByPeer && waiting !== undefined) {
        act(user.onReset);
        return;
      }
      inbox.push(packet);
      act(user.onArrived);
    },
    answerWithReset() {
      if (peer?.isOpen === true) dispatch(peer, resetByPeer);
    },
    onWindowSpace() {
      const go = waiting;
      if (go === undefined) return;
      waiting = undefined;
      plan(nextDelayMs(), () => act(go), { owner, label: 'net room' });
    },
    reserve(bytes) {
      unreadBytes += bytes;
      return unreadBytes;
    },
  };
  return end;
}

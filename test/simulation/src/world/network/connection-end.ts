// The kernel's state of one end of a connection: packets that have arrived, a window for packets in flight, and the
// close.
import type { Owner } from '../owner.ts';
import { plan, schedule } from '../schedule.ts';
import { latencyMs, network } from './network-state.ts';

export const endOfStream = Symbol('end of stream');
export const resetByPeer = Symbol('reset by peer');
type Packet = Buffer | typeof endOfStream | typeof resetByPeer;

/** The socket above the end. Its functions run as its owner's code. */
export interface EndUser {
  onArrived(): void;
  /** Called if a reset arrives while a write waits. The write then fails immediately. */
  onReset(): void;
}

export interface ConnectionEnd {
  readonly owner: Owner | undefined;
  /** True while a socket uses this end. Otherwise bytes of the peer are answered with a reset. */
  readonly isOpen: boolean;
  join(peer: ConnectionEnd): void;
  /**
   * Takes the bytes immediately. `done` is called when the peer's window has space again. Returns false if the
   * connection was reset.
   */
  send(bytes: Buffer, done: () => void): boolean;
  sendEnd(): void;
  /** Takes the first packet that has arrived, up to `maxBytes` of it. */
  take(maxBytes: number): Packet | undefined;
  /** The socket releases this end. If bytes were not taken, or if `reset` is set, the peer receives a reset. */
  close(reset: boolean): void;
  /** Only the two ends call each other's `deliver`, `answerWithReset`, `onWindowSpace` and `reserve`. */
  deliver(packet: Packet): void;
  /** Called by the peer when bytes arrived that no socket takes. */
  answerWithReset(): void;
  onWindowSpace(): void;
  reserve(bytes: number): number;
}

const windowBytes = 256 * 1024;
/** The gap between two packets of one connection, so that they keep their order. */
const gapMs = 0.001;
/** The retry interval while the network between two processes is cut. */
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
      // The packet that was sent first arrives first, so no packet overtakes another, even if packets are held back.
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
        // The kernel takes the bytes, and a reset arrives after all that the peer has sent.
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
      // A reader first receives the bytes that came before the reset. A waiting writer learns of the reset immediately.
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

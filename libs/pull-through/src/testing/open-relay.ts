// Simulates the network between two nodes of a test cluster. The connection goes through a TCP relay, which can be cut, and can
// hold bytes back like a machine that does not respond.
import { type Socket, connect, createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { openPeerConnections, type PeerConnections } from '@cistern/fills';

export interface Relay {
  readonly url: string;
  /** Resets all connections, and from then on each new connection. */
  cut(): void;
  /** Accepts connections, and forwards nothing. */
  hold(): void;
  /** Forwards everything again. */
  restore(): void;
  readonly connections: number;
  close(): Promise<void>;
}

/**
 * Opens a relay. `targetPort` is called for each connection. `undefined` means that no process listens. The caller closes the
 * relay.
 */
export async function openRelay(targetPort: () => number | undefined): Promise<Relay> {
  const pairs = new Set<readonly [Socket, Socket]>();
  const waiting = new Set<Socket>();
  let state: 'open' | 'held' | 'cut' = 'open';

  const join = (near: Socket) => {
    const port = targetPort();
    if (port === undefined) {
      near.resetAndDestroy();
      return;
    }
    const far = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    const pair = [near, far] as const;
    pairs.add(pair);
    const end = () => {
      pairs.delete(pair);
      resetSocket(near);
      far.destroy();
    };
    copy(near, far, () => state === 'held', end);
    copy(far, near, () => state === 'held', end);
  };

  const server = createServer({ allowHalfOpen: true }, (near) => {
    near.on('error', () => {});
    if (state === 'cut') near.resetAndDestroy();
    else if (state === 'open') join(near);
    else {
      waiting.add(near);
      near.once('close', () => waiting.delete(near));
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  const reset = () => {
    for (const near of waiting) resetSocket(near);
    for (const [near, far] of pairs) {
      resetSocket(near);
      far.destroy();
    }
    waiting.clear();
    pairs.clear();
  };

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut() {
      state = 'cut';
      reset();
    },
    hold() {
      state = 'held';
      for (const sockets of pairs) for (const socket of sockets) socket.pause();
    },
    restore() {
      state = 'open';
      for (const sockets of pairs) for (const socket of sockets) socket.resume();
      for (const near of waiting) join(near);
      waiting.clear();
    },
    get connections() {
      return pairs.size;
    },
    async close() {
      reset();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Opens connections to workers, each through the relay for that worker's address. */
export function openRelayedConnections(relayTo: (address: string) => Promise<Relay>): PeerConnections {
  const inner = openPeerConnections();
  return {
    async get(url, options) {
      const { origin, pathname, search } = new URL(url);
      return inner.get(`${(await relayTo(origin)).url}${pathname}${search}`, options);
    },
    close: inner.close,
  };
}

/**
 * Resets a socket. A socket that is shutting down is destroyed instead, because a reset of it loses its handle, and Node then
 * never exits (libuv: EINVAL).
 */
function resetSocket(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else if (!socket.destroyed) socket.resetAndDestroy();
}

function copy(from: Socket, to: Socket, isHeld: () => boolean, onBroken: () => void): void {
  from.on('data', (chunk) => {
    if (!to.write(chunk)) from.pause();
  });
  to.on('drain', () => {
    if (!isHeld()) from.resume();
  });
  from.on('end', () => to.end());
  from.on('error', onBroken);
  from.on('close', onBroken);
}

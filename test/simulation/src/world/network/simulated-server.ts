// Servers of the simulated network: `net.Server` with other functions to listen, so that `http`, `https` and `tls`
// servers work too.
import { AsyncLocalStorage } from 'node:async_hooks';
import { type Server, createServer } from 'node:net';
import { type Owner, currentOwner } from '../owner.ts';
import { keepAlive, plan } from '../schedule.ts';
import { network } from './network-state.ts';
import type { SimulatedSocket } from './simulated-socket.ts';
import { systemError } from './system-error.ts';

export interface SimulatedServer {
  readonly server: Server;
  readonly owner: Owner | undefined;
  readonly address: string;
  readonly port: number;
  readonly allowHalfOpen: boolean;
  /** Runs `work` as code of the process that listens. */
  act<T>(work: () => T): T;
  accept(socket: SimulatedSocket): void;
  /** Called when the server must no longer keep its process alive. */
  endKeepAlive(): void;
}

interface Listening {
  readonly key: number | string;
  readonly address: string;
  readonly open: Set<SimulatedSocket>;
  readonly endKeepAlive: () => void;
  isClosed: boolean;
}

interface ListenTarget {
  readonly port?: number | string;
  readonly host?: string;
  readonly path?: string;
  readonly reusePort?: boolean;
  readonly signal?: AbortSignal;
}

const listening = new WeakMap<Server, Listening>();

/** These members replace those of `net.Server.prototype`, so that servers listen in the world. */
const serverMembers = {
  listen: { value: listen },
  address: { value: address },
  close: { value: close },
  getConnections: {
    value(this: Server, callback: (error: Error | null, count: number) => void) {
      callback(null, listening.get(this)?.open.size ?? 0);
    },
  },
  listening: {
    get(this: Server) {
      const found = listening.get(this);
      return found !== undefined && !found.isClosed;
    },
  },
  ref: {
    value(this: Server) {
      return this;
    },
  },
  unref: {
    value(this: Server) {
      listening.get(this)?.endKeepAlive();
      return this;
    },
  },
};

export function installServers(): void {
  // `createServer` is called only to get the class.
  const prototype = Object.getPrototypeOf(createServer()) as object;
  for (const [name, member] of Object.entries(serverMembers))
    Object.defineProperty(prototype, name, {
      configurable: true,
      ...('value' in member && { writable: true }),
      ...member,
    });
}

function listen(this: Server, ...given: unknown[]): Server {
  const callback = given.find((value) => typeof value === 'function') as (() => void) | undefined;
  const target = targetOf(given);
  if (callback !== undefined) this.once('listening', callback);
  const key = target.path ?? (Number(target.port ?? 0) || network.nextPort++);
  const code = isLocal(target.host) ? 'EADDRINUSE' : 'EADDRNOTAVAIL';
  if (code === 'EADDRNOTAVAIL' || (network.servers.has(key) && target.reusePort !== true)) {
    const error = systemError(code, 'listen', {
      address: target.path ?? target.host ?? '::',
      port: Number(key) || undefined,
    });
    plan(0, () => this.emit('error', error), { label: 'listen' });
    return this;
  }
  const place = {
    key,
    address: target.host ?? '::',
    open: new Set<SimulatedSocket>(),
    endKeepAlive: keepAlive('server'),
    isClosed: false,
  };
  listening.set(this, place);
  network.servers.set(key, {
    server: this,
    owner: currentOwner(),
    address: place.address,
    port: Number(key) || 0,
    allowHalfOpen: (this as Server & { allowHalfOpen: boolean }).allowHalfOpen,
    act: AsyncLocalStorage.snapshot(),
    accept: (socket) => accept(this, place, socket),
    endKeepAlive: place.endKeepAlive,
  });
  target.signal?.addEventListener('abort', () => this.close(), { once: true });
  plan(0, () => this.emit('listening'), { label: 'listening' });
  return this;
}

function isLocal(host: string | undefined): boolean {
  return host === undefined || /^(?:127\.|0\.0\.0\.0$|::1?$|localhost$)/.test(host);
}

function targetOf([first, second]: unknown[]): ListenTarget {
  if (typeof first === 'object' && first !== null) return first;
  if (typeof first === 'string' && !/^\d+$/.test(first)) return { path: first };
  return { port: Number(first ?? 0), ...(typeof second === 'string' && { host: second }) };
}

function accept(server: Server, place: Listening, socket: SimulatedSocket): void {
  place.open.add(socket);
  socket.once('close', () => {
    place.open.delete(socket);
    if (place.isClosed && place.open.size === 0) server.emit('close');
  });
  server.emit('connection', socket);
  socket.begin();
}

function address(this: Server): unknown {
  const found = listening.get(this);
  if (found === undefined || found.isClosed) return null;
  if (typeof found.key === 'string') return found.key;
  return { port: found.key, address: found.address, family: found.address.includes(':') ? 'IPv6' : 'IPv4' };
}

function close(this: Server, callback?: (error?: Error) => void): Server {
  const found = listening.get(this);
  if (found === undefined || found.isClosed) {
    const error = Object.assign(new Error('Server is not running.'), { code: 'ERR_SERVER_NOT_RUNNING' });
    if (callback !== undefined) plan(0, () => callback(error), { label: 'server closed' });
    return this;
  }
  if (callback !== undefined) this.once('close', callback);
  found.isClosed = true;
  found.endKeepAlive();
  network.servers.delete(found.key);
  if (found.open.size === 0) plan(0, () => this.emit('close'), { label: 'server closed' });
  return this;
}

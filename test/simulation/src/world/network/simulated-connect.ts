// `net.connect` and `tls.connect` in the simulated network.
import { type LookupFunction, Socket, isIP } from 'node:net';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { plan } from '../schedule.ts';
import { latencyMs, network } from './network-state.ts';
import { heldRetryMs } from './connection-end.ts';
import { SimulatedSocket, type SocketOptions } from './simulated-socket.ts';
import { systemError } from './system-error.ts';

interface ConnectTarget extends SocketOptions {
  readonly port?: number | string | undefined;
  readonly host?: string | undefined;
  readonly path?: string | null | undefined;
  readonly lookup?: LookupFunction | undefined;
  readonly timeout?: number | undefined;
}

const loopback = '127.0.0.1';
const firstClientPort = 40_000;
const clientPorts = 20_000;

/** Accepts `net.connect(options, listener)`, `(port, host, listener)` or `(path, listener)`. */
export function simulatedConnect(...given: unknown[]): SimulatedSocket {
  const listener = given.find((value) => typeof value === 'function') as (() => void) | undefined;
  const target = targetOf(given);
  const socket = new SimulatedSocket(target);
  socket.connecting = true;
  if (listener !== undefined) socket.once('connect', listener);
  if (target.timeout !== undefined && target.timeout > 0) socket.setTimeout(target.timeout);
  if (typeof target.path !== 'string')
    resolveHost(socket, target, (address) => dial(socket, Number(target.port), address));
  else dial(socket, target.path, target.path);
  return socket;
}

/** Returns a `tls.connect` whose bytes use a simulated connection. `connect` is Node's own. */
export function simulatedTlsConnect(connect: (options: ConnectionOptions, listener?: () => void) => TLSSocket) {
  return (...given: unknown[]): TLSSocket => {
    const listener = given.find((value) => typeof value === 'function') as (() => void) | undefined;
    const [first] = given;
    const further = given.slice(1).find((value) => typeof value === 'object' && value !== null);
    const options = {
      ...(typeof first === 'object' ? first : targetOf(given)),
      ...(further as object),
    } as ConnectionOptions;
    if (options.socket !== undefined) return connect(options, listener);
    const { host, port, path, lookup, timeout } = options as ConnectTarget;
    const socket = simulatedConnect({ host, port, path, lookup, timeout }) as never;
    return connect({ ...options, socket }, listener);
  };
}

/** Node's internal fields of a TLS socket over a stream. */
interface LayeredSocket {
  readonly _handle?: { readonly _parentWrap?: { readonly stream?: unknown } };
}

/**
 * Makes a TLS socket report the addresses of the connection below it. Node gets them from the system, which a stream
 * does not have.
 */
export function installTlsAddresses(): void {
  for (const [name, placeOf] of [
    ['_getpeername', (socket) => socket.there],
    ['_getsockname', (socket) => socket.here],
  ] as const satisfies readonly [string, (socket: SimulatedSocket) => object][]) {
    const own = Reflect.get(Socket.prototype, name) as () => object;
    const replacement = function place(this: LayeredSocket) {
      const below = this._handle?._parentWrap?.stream;
      return below instanceof SimulatedSocket ? placeOf(below) : own.call(this);
    };
    Object.assign(Socket.prototype, { [name]: replacement });
  }
}

function targetOf([first, second]: unknown[]): ConnectTarget {
  if (typeof first === 'object' && first !== null) return first;
  if (typeof first === 'string' && !/^\d+$/.test(first)) return { path: first };
  return { port: Number(first), ...(typeof second === 'string' && { host: second }) };
}

function resolveHost(
  socket: SimulatedSocket,
  { host = 'localhost', lookup }: ConnectTarget,
  found: (address: string) => void,
): void {
  const known = isIP(host) === 0 ? network.hosts.get(host) : host;
  if (known !== undefined) return found(known);
  if (host === 'localhost' && lookup === undefined) return found(loopback);
  if (lookup === undefined) {
    plan(latencyMs(), () => socket.destroy(systemError('ENOTFOUND', 'getaddrinfo', { address: host })), {
      label: 'lookup',
    });
    return undefined;
  }
  lookup(host, { all: true, family: 0, hints: 0 }, (error, addresses) => {
    if (socket.destroyed) return;
    if (error !== null) socket.destroy(error);
    else found(typeof addresses === 'string' ? addresses : addresses[0]!.address);
  });
  return undefined;
}

function dial(near: SimulatedSocket, key: number | string, address: string): void {
  const port = typeof key === 'number' ? key : undefined;
  const reach = () => {
    if (near.destroyed) return;
    const server = network.servers.get(key);
    const refusal = network.refusal(near.owner?.name, server?.owner?.name);
    if (refusal !== undefined) {
      const syscall = refusal.startsWith('EAI_') ? 'getaddrinfo' : 'connect';
      near.destroy(systemError(refusal, syscall, { address, port }));
      return;
    }
    if (network.isHeld(near.owner?.name, server?.owner?.name)) {
      plan(heldRetryMs, reach, { owner: near.owner, label: 'connect held' });
      return;
    }
    if (server === undefined || server.owner?.state === 'dead') {
      near.destroy(systemError('ECONNREFUSED', 'connect', { address, port }));
      return;
    }
    const far = server.act(() => new SimulatedSocket({ allowHalfOpen: server.allowHalfOpen }));
    const here = { address: loopback, port: firstClientPort + network.random(clientPorts) };
    const there = { address: isIP(address) === 0 ? loopback : address, port: server.port };
    near.join(far, here, there);
    far.join(near, there, here);
    Object.assign(far, { server: server.server });
    plan(0, () => server.act(() => server.accept(far)), { owner: server.owner, label: 'accept' });
    near.act(() => near.announceConnected());
  };
  plan(latencyMs(), reach, { owner: near.owner, label: 'connect' });
}

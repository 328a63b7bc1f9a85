// The parts and the speed of the simulated network.
import { type Random, createRandom } from '../random.ts';
import type { SimulatedServer } from './simulated-server.ts';
import type { SimulatedSocket } from './simulated-socket.ts';

export interface NetworkState {
  /** Servers by port, or by the path of a Unix socket. */
  readonly servers: Map<number | string, SimulatedServer>;
  readonly sockets: Set<SimulatedSocket>;
  random: Random;
  nextPort: number;
  /** The longest latency of a packet. */
  maxLatencyMs: number;
  /** Names that the simulated resolver knows in addition to localhost. */
  readonly hosts: Map<string, string>;
  /** Reports whether packets between two processes are held back. Called when a packet arrives. */
  isHeld: (from: string | undefined, to: string | undefined) => boolean;
  /**
   * Returns the system error, such as `ENETUNREACH`, with which a connection between two processes fails immediately.
   */
  refusal: (from: string | undefined, to: string | undefined) => string | undefined;
}

const firstPort = 20_000;

export const network: NetworkState = {
  servers: new Map(),
  sockets: new Set(),
  random: createRandom(1),
  nextPort: firstPort,
  maxLatencyMs: 0.2,
  hosts: new Map(),
  isHeld: () => false,
  refusal: () => undefined,
};

export function latencyMs(): number {
  return network.random.fraction() * network.maxLatencyMs;
}

export function resetNetwork(seed: number): void {
  network.servers.clear();
  network.sockets.clear();
  network.hosts.clear();
  Object.assign(network, {
    random: createRandom(seed),
    nextPort: firstPort,
    isHeld: () => false,
    refusal: () => undefined,
  });
}

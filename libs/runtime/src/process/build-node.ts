// Builds the parts that every node has around its own work: listeners, health, metrics and an orderly shutdown.
import type { Logger, Metrics } from '@cistern/telemetry';
import {
  drain,
  isAddressInUse,
  listen,
  type BoundAddress,
  type HttpApp,
  type ListenAddress,
  type TcpAddress,
} from './listen.ts';
import { buildHealth } from './health.ts';
import { isLoopbackName } from '../is-loopback-name.ts';
import { startChecks, type Checkable, type HealthSettings, type NodeChecks } from './start-checks.ts';

export interface Listener {
  readonly app: HttpApp;
  readonly address: ListenAddress;
  /** The setting of the address, for messages. */
  readonly key: string;
  /** Whether other processes may listen on the same port. */
  readonly reusePort?: boolean;
  /** Whether the node can run without this listener. */
  readonly isOptional?: boolean;
}

/** The section `http.debug` of the configuration. */
interface DebugSettings {
  readonly address: TcpAddress | undefined;
  /** Whether the configuration sets the address. If so, an address in use is an error. */
  readonly explicit: boolean;
  readonly prometheus: { readonly enabled: boolean; readonly path: string };
}

export interface NodeOptions {
  /** Two sections of the configuration. */
  readonly config: {
    readonly http: { readonly debug: DebugSettings };
    readonly health: HealthSettings;
  };
  readonly log: Logger;
  readonly metrics: Metrics;
  /** The listener for clients. Its requests end before `work` does. */
  readonly clients?: Listener | undefined;
  /** The listener for proofs to an ACME authority, in plain HTTP. Its requests are aborted at shutdown. */
  readonly challenges?: Listener | undefined;
  /** The listener for operators. Its requests are aborted at shutdown, because none of them must complete. */
  readonly admin?: Listener | undefined;
  /** The same for operators' browsers, which the operating system does not authenticate. */
  readonly console?: Listener | undefined;
  /** The listener for other nodes that read the work of this one. It serves until `work` has ended. */
  readonly peers?: Listener | undefined;
  /** The work behind the listeners. The node closes it. */
  readonly work: Checkable & {
    /** Called after the listener for peers is open, and before that for clients. */
    start?(): Promise<void>;
    /** Ends or hands over running work within `graceMs`, and closes everything. */
    close(graceMs: number): Promise<void>;
  };
  /** The checks of `work`, if other code uses them too. The node closes them. */
  readonly checks?: NodeChecks;
}

export interface Listening {
  readonly clients: BoundAddress | undefined;
  readonly peers: BoundAddress | undefined;
  readonly console: BoundAddress | undefined;
  /** The address of metrics and health. `undefined` means not configured, or that the default port was in use. */
  readonly debug: BoundAddress | undefined;
}

export interface CacheNode {
  /** Rejects with `StartError`. The caller must call `close` then too. */
  listen(): Promise<Listening>;
  /**
   * Becomes unready, accepts no new requests, gives those in flight `graceMs` to end, then closes everything.
   * Idempotent.
   */
  close(graceMs: number): Promise<void>;
}

const clientsShare = 0.7;

/** The caller calls `close`. */
export function buildNode(options: NodeOptions): CacheNode {
  const {
    config,
    log,
    metrics,
    clients,
    challenges,
    admin,
    console: operators,
    peers,
    work,
    checks = startChecks(config.health, work),
  } = options;
  let listening = false;
  let draining = false;
  const { address: debugAddress, explicit, prometheus } = config.http.debug;
  const debug = buildHealth({
    checks: checks.byName,
    degraded: checks.degraded,
    // The node is also unready before it listens.
    isDraining: () => draining || !listening,
    isLoopbackOnly: debugAddress?.host !== undefined && isLoopbackName(debugAddress.host),
    ...(prometheus.enabled && { metricsRegistry: metrics.registry, metricsPath: prometheus.path }),
  });

  async function listenForDebug(): Promise<BoundAddress | undefined> {
    if (debugAddress === undefined) return undefined;
    try {
      return await listen(debug, debugAddress, 'http.debug.addr');
    } catch (error) {
      if (explicit || !isAddressInUse(error)) throw error;
      log.warn({ port: debugAddress.port }, 'metrics port in use, continuing without metrics');
      return undefined;
    }
  }

  async function open(listener: Listener | undefined): Promise<BoundAddress | undefined> {
    if (listener === undefined) return undefined;
    try {
      return await listen(listener.app, listener.address, listener.key, listener.reusePort);
    } catch (error) {
      if (listener.isOptional !== true) throw error;
      log.warn({ err: error, listener: listener.key }, 'failed to open listener, continuing without it');
      return undefined;
    }
  }

  async function drainListener(listener: Listener | undefined, graceMs: number): Promise<void> {
    const aborted = listener === undefined ? 0 : await drain(listener.app, graceMs);
    if (aborted > 0)
      log.warn({ listener: listener?.key, requests: aborted }, 'drain timeout reached, aborted requests');
  }

  async function closeAll(graceMs: number): Promise<void> {
    draining = true;
    const deadline = performance.now() + graceMs;
    const leftMs = () => Math.max(deadline - performance.now(), 0);
    // A node that other nodes follow needs part of the grace to hand over its work after the clients have ended.
    await drainListener(admin, 0);
    await drainListener(operators, 0);
    await drainListener(challenges, 0);
    await drainListener(clients, peers === undefined ? graceMs : graceMs * clientsShare);
    checks.close();
    await work.close(leftMs());
    await drainListener(peers, leftMs());
    await debug.close();
  }

  let closing: Promise<void> | undefined;
  return {
    // Health listens first, so that it reports the node as unready meanwhile.
    async listen() {
      const debugging = await listenForDebug();
      const peering = await open(peers);
      await work.start?.();
      const serving = await open(clients);
      await open(challenges);
      await open(admin);
      const operating = await open(operators);
      listening = true;
      return { debug: debugging, peers: peering, clients: serving, console: operating };
    },
    close: (graceMs) => (closing ??= closeAll(graceMs)),
  };
}

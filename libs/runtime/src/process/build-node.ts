// Builds the parts that every kind of node has: listeners, health, metrics and an orderly shutdown. The caller provides
// the work.
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
import type { ProblemBoard } from './problem-board.ts';

export interface Listener {
  readonly app: HttpApp;
  readonly address: ListenAddress;
  /** The name of the setting that contains the address, for messages. */
  readonly key: string;
  /** Whether other processes may listen on the same port. */
  readonly reusePort?: boolean;
  /** Whether the node can run without this listener. */
  readonly isOptional?: boolean;
}

/** The section `http.debug` of the configuration. */
interface DebugSettings {
  readonly address: TcpAddress | undefined;
  /**
   * True if the configuration sets the address. Then an address in use is an error. A default port in use is only
   * logged.
   */
  readonly explicit: boolean;
  readonly prometheus: { readonly enabled: boolean; readonly path: string };
}

export interface NodeOptions {
  readonly config: { readonly http: { readonly debug: DebugSettings } };
  readonly log: Logger;
  readonly metrics: Metrics;
  /** The listener for clients. At shutdown its requests end before `work` is closed. */
  readonly clients?: Listener | undefined;
  /** The listener for an ACME CA that checks proofs, in plain HTTP. Its requests are aborted at shutdown. */
  readonly challenges?: Listener | undefined;
  /** The listener for operators. Its requests are aborted at shutdown, because none of them must complete. */
  readonly admin?: Listener | undefined;
  /**
   * The listener for operators' browsers, which the operating system does not authenticate. Its requests are aborted at
   * shutdown too.
   */
  readonly console?: Listener | undefined;
  /** The listener for other nodes, which read the results of `work`. It serves until `work` is closed. */
  readonly peers?: Listener | undefined;
  /** The node closes it. */
  readonly work: NodeWork;
}

/** The work behind the listeners of a node. */
export interface NodeWork {
  readonly problems: Pick<ProblemBoard, 'look'>;
  /** Called after the listener for peers is open, and before the listener for clients opens. */
  start?(): Promise<void>;
  /** Ends the running work or hands it over to other nodes within `graceMs`, and closes everything. */
  close(graceMs: number): Promise<void>;
}

export interface Listening {
  readonly clients: BoundAddress | undefined;
  readonly peers: BoundAddress | undefined;
  readonly console: BoundAddress | undefined;
  /**
   * The address of metrics and health. `undefined` means that no address is configured, or that the default port was in
   * use.
   */
  readonly debug: BoundAddress | undefined;
}

export interface CacheNode {
  /** Rejects with `StartError` if a listener cannot open. The caller must call `close` also after a rejection. */
  listen(): Promise<Listening>;
  /**
   * Makes the node unready, accepts no new requests, waits at most `graceMs` for requests in flight, then closes
   * everything. Idempotent.
   */
  close(graceMs: number): Promise<void>;
}

const clientsShare = 0.7;

/** The caller calls `close`. */
export function buildNode(options: NodeOptions): CacheNode {
  const { config, log, metrics, clients, challenges, admin, console: operators, peers, work } = options;
  let listening = false;
  let draining = false;
  const { address: debugAddress, explicit, prometheus } = config.http.debug;
  const debug = buildHealth({
    problems: work.problems,
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
    // After the requests of clients have ended, a node with peers needs the rest of the time for handing over its work.
    await drainListener(admin, 0);
    await drainListener(operators, 0);
    await drainListener(challenges, 0);
    await drainListener(clients, peers === undefined ? graceMs : graceMs * clientsShare);
    await work.close(leftMs());
    await drainListener(peers, leftMs());
    await debug.close();
  }

  let closing: Promise<void> | undefined;
  return {
    // The health listener opens first, so that it reports the node as unready while the others open.
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

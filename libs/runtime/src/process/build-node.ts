// What every process of Cistern is around its own work: listeners, health and metrics beside them, and an end in order.
import type { Logger, Metrics } from '@cistern/telemetry';
import {
  drain,
  isTaken,
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
  /** Of the address in the configuration, for messages. */
  readonly key: string;
  /** Other processes may listen on the same port. */
  readonly reusePort?: boolean;
  /** The node can do without it. */
  readonly isOptional?: boolean;
}

/** `http.debug` of the configuration. */
interface DebugSettings {
  readonly address: TcpAddress | undefined;
  /** The configuration names the address; an address in use is an error then. */
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
  /** Where clients ask. Its requests end before `work` does. */
  readonly clients?: Listener | undefined;
  /** Where an ACME authority asks for proofs, in plain HTTP. Its requests are cut off at the end. */
  readonly challenges?: Listener | undefined;
  /** Where its operator asks. Its requests are cut off at the end: none of them has to end here. */
  readonly admin?: Listener | undefined;
  /** The same for whom it cannot know by the system: its operators' browsers. */
  readonly console?: Listener | undefined;
  /** Where other nodes read what this one does. It serves until `work` has ended. */
  readonly peers?: Listener | undefined;
  /** What the listeners are for. The node closes it. */
  readonly work: Checkable & {
    /** Called once peers can read what it does, and before clients can ask for it. */
    start?(): Promise<void>;
    /** Ends or hands over what is under way, within `graceMs`, and closes everything. */
    close(graceMs: number): Promise<void>;
  };
  /** The checks of `work`, where they are used elsewhere too. The node closes them. */
  readonly checks?: NodeChecks;
}

export interface Listening {
  readonly clients: BoundAddress | undefined;
  readonly peers: BoundAddress | undefined;
  readonly console: BoundAddress | undefined;
  /** Of metrics and health; `undefined`: none is configured, or the default port was taken. */
  readonly debug: BoundAddress | undefined;
}

export interface CacheNode {
  /** Rejects with `StartError`; `close` is due then too. */
  listen(): Promise<Listening>;
  /** Shows unreadiness, takes nothing new, gives what is in flight `graceMs` to end, then closes everything. Idempotent. */
  close(graceMs: number): Promise<void>;
}

const clientsShare = 0.7;

/** The caller ends it with `close`. */
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
    // Nothing should be sent here before it is listened for, either.
    isDraining: () => draining || !listening,
    isLoopbackOnly: debugAddress?.host !== undefined && isLoopbackName(debugAddress.host),
    ...(prometheus.enabled && { metricsRegistry: metrics.registry, metricsPath: prometheus.path }),
  });

  async function listenForDebug(): Promise<BoundAddress | undefined> {
    if (debugAddress === undefined) return undefined;
    try {
      return await listen(debug, debugAddress, 'http.debug.addr');
    } catch (error) {
      if (explicit || !isTaken(error)) throw error;
      log.warn({ port: debugAddress.port }, 'the port of metrics and health is taken, going on without them');
      return undefined;
    }
  }

  async function open(listener: Listener | undefined): Promise<BoundAddress | undefined> {
    if (listener === undefined) return undefined;
    try {
      return await listen(listener.app, listener.address, listener.key, listener.reusePort);
    } catch (error) {
      if (listener.isOptional !== true) throw error;
      log.warn({ err: error, listener: listener.key }, 'going on without a listener that cannot be opened');
      return undefined;
    }
  }

  async function drainListener(listener: Listener | undefined, graceMs: number): Promise<void> {
    const cutOff = listener === undefined ? 0 : await drain(listener.app, graceMs);
    if (cutOff > 0)
      log.warn({ listener: listener?.key, requests: cutOff }, 'cut off requests that did not end in time');
  }

  async function closeAll(graceMs: number): Promise<void> {
    draining = true;
    const deadline = performance.now() + graceMs;
    const leftMs = () => Math.max(deadline - performance.now(), 0);
    // Where other nodes follow what this one does, it needs time to hand that over when the clients have had theirs.
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
    // Health first: it must be there to say that the others are not yet.
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

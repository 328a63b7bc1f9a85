// Everything in one process: the registry's API, metrics and health, and behind them the cache itself.
import { assemble } from '@cistern/assembly';
import type { Config, Environment } from '@cistern/config';
import { buildFrontend, buildHealth, startPeriodicCheck } from '@cistern/frontend';
import type { Logger, Metrics } from '@cistern/telemetry';
import { drain } from './drain.ts';
import { isTaken, listen, type BoundAddress } from './listen.ts';
import { prepareRootDirectory } from './prepare-root-directory.ts';

export interface StandaloneOptions {
  readonly log: Logger;
  readonly metrics: Metrics;
  /** The process's environment. */
  readonly env: Environment;
  /** Of Cistern, for the `User-Agent` that upstreams see. */
  readonly version: string;
  /** Gets every line of the access log. */
  readonly accessLog?: ((line: string) => void) | undefined;
}

export interface Listening {
  readonly registry: BoundAddress;
  /** Of metrics and health; `undefined`: none is configured, or the default port was taken. */
  readonly debug: BoundAddress | undefined;
}

export interface Standalone {
  /** Rejects with `StartError`; `close` is due then too. */
  listen(): Promise<Listening>;
  /**
   * Shows unreadiness, takes nothing new, gives what is in flight `graceMs` to end, then closes index and store.
   * Idempotent.
   */
  close(graceMs: number): Promise<void>;
}

/** Opens store and index; rejects with StartError or CacheError if one cannot be. The caller ends it with `close`. */
export async function buildStandalone(config: Config, options: StandaloneOptions): Promise<Standalone> {
  const { log, metrics, env, accessLog, version } = options;
  const { http, health, storage } = config;
  if (storage.kind === 'filesystem') await prepareRootDirectory(storage.rootDirectory);
  const assembly = await assemble(config, { log, metrics, env, version });
  const frontend = buildFrontend({
    pullThrough: assembly.pullThrough,
    upstreams: assembly.upstreams,
    instanceId: assembly.instanceId,
    log,
    metrics,
    accessLog,
    headers: http.headers,
    trustedProxies: http.trustedProxies,
    proxyProtocol: http.proxyProtocol,
    now: Date.now,
  });
  const { enabled: storeIsChecked, ...howOften } = health.storageDriver;
  const storeCheck = storeIsChecked
    ? startPeriodicCheck({ check: () => assembly.checkStore(), ...howOften })
    : undefined;
  let draining = false;
  const { prometheus } = http.debug;
  const debug = buildHealth({
    checks: {
      index: () => assembly.checkIndex(),
      ...(storeCheck && { store: storeCheck.check }),
    },
    isDraining: () => draining,
    ...(prometheus.enabled && { metricsRegistry: metrics.registry, metricsPath: prometheus.path }),
  });

  async function listenForDebug(): Promise<BoundAddress | undefined> {
    const { address, explicit } = http.debug;
    if (address === undefined) return undefined;
    try {
      return await listen(debug, address, 'http.debug.addr');
    } catch (error) {
      if (explicit || !isTaken(error)) throw error;
      log.warn({ port: address.port }, 'the port of metrics and health is taken, going on without them');
      return undefined;
    }
  }

  async function closeAll(graceMs: number): Promise<void> {
    draining = true;
    const deadline = performance.now() + graceMs;
    const cutOff = await drain(frontend, graceMs);
    if (cutOff > 0) log.warn({ requests: cutOff }, 'cut off requests that did not end in time');
    storeCheck?.close();
    await assembly.close(Math.max(deadline - performance.now(), 0));
    await debug.close();
  }

  let closing: Promise<void> | undefined;
  return {
    // Health first: it must be there to say that the registry is not yet.
    async listen() {
      const debugAddress = await listenForDebug();
      const registry = await listen(frontend, http.address, 'http.addr', http.reusePort);
      return { registry, debug: debugAddress };
    },
    close: (graceMs) => (closing ??= closeAll(graceMs)),
  };
}

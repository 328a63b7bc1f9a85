// Opens a node, and leaves the control of the process to the caller. The node handles no signals, does not exit the
// process and does not write to standard output. So several nodes can run in one process.
import { isIPv6 } from 'node:net';
import { type Config, type NodeConfig, openLiveConfig } from '@cistern/config';
import type { BoundAddress, CacheNode, Listening, NodeContext, NodeReload } from '@cistern/runtime/process';
import { createMetrics, openTracing } from '@cistern/telemetry';
import { createReload, type ReloadOptions } from './create-reload.ts';
import { openAuditLog } from './open-audit-log.ts';
import { version } from './version.ts';

/** The addresses of a node as URLs. `undefined` means that the node has no such listener. */
export interface NodeUrls {
  readonly clients: string | undefined;
  readonly peers: string | undefined;
  readonly debug: string | undefined;
  /** The console of a node that runs the whole cache in one process. */
  readonly console: string | undefined;
}

export interface NodeKind {
  /** The node's name in the log. */
  readonly name: string;
  build(config: NodeConfig, context: NodeContext): Promise<CacheNode>;
  /** Returns the banner for an operator, ended by a line break. */
  greet(config: Config, urls: NodeUrls): string;
}

export interface OpenedNode {
  /** Logs and returns the addresses. If the node cannot listen, closes the node and rejects. */
  listen(): Promise<NodeUrls>;
  /** Reloads the configuration when the node listens. Never rejects. */
  reload: NodeReload['run'];
  /** Waits up to `graceMs` for the end of requests in flight, then closes everything except `log`. */
  close(graceMs: number): Promise<void>;
}

/**
 * Builds a node that does not listen yet. Rejects if the node cannot be built. `read` reads the configuration again. The
 * caller calls `close`.
 */
export async function openNode(
  config: Config,
  { name, build }: Pick<NodeKind, 'name' | 'build'>,
  { env, log, accessLog, read }: Pick<NodeContext, 'env' | 'log' | 'accessLog'> & Pick<ReloadOptions, 'read'>,
): Promise<OpenedNode> {
  for (const { path, message } of config.warnings) log.warn({ key: path, warning: message }, 'configuration warning');
  const upstreams = config.upstreams.map((upstream) => upstream.name);
  const metrics = createMetrics({ version, processMetrics: true });
  const audit = config.audit.path === undefined ? undefined : await openAuditLog(config.audit.path, log);
  const tracing = await openTracing({ env, node: name, version, log });
  const live = openLiveConfig(config);
  live.config.live.follow((settings) => metrics.startUpstreams(settings.upstreams.map((upstream) => upstream.name)));
  const reload = createReload({ config, live, read, log });
  const node = await build(live.config, { log, metrics, tracing, env, accessLog, audit, version, reload });
  return {
    async listen() {
      try {
        const urls = urlsOf(await node.listen());
        const { clients, peers, debug } = urls;
        reload.start();
        const { loggedHitsPercent } = config.log;
        if (loggedHitsPercent < 100)
          log.info({ hits: `${loggedHitsPercent}%`, setting: 'log.hits' }, 'logging only a share of hits');
        log.info({ version, node: name, url: clients, fillsUrl: peers, debugUrl: debug, upstreams }, 'listening');
        return urls;
      } catch (error) {
        await Promise.all([reload.close(), node.close(0)]);
        throw error;
      }
    },
    reload: reload.run,
    async close(graceMs) {
      await reload.close();
      await node.close(graceMs);
      await tracing?.close();
      audit?.close();
      log.info('shutdown complete');
    },
  };
}

function urlsOf({ clients, peers, debug, console: operators }: Listening): NodeUrls {
  return {
    clients: clients && urlOf(clients),
    peers: peers && urlOf(peers),
    debug: debug && urlOf(debug),
    console: operators && `${urlOf(operators)}/console/`,
  };
}

/**
 * Returns the URL of a listener for a client on this machine, for example `https://localhost:5000` or `unix:<path>`.
 */
export function urlOf(address: BoundAddress): string {
  if (address.kind === 'unix') return `unix:${address.path}`;
  const { host, port, scheme } = address;
  if (['::', '0.0.0.0', '127.0.0.1', '::1'].includes(host)) return `${scheme}://localhost:${port}`;
  return `${scheme}://${isIPv6(host) ? `[${host}]` : host}:${port}`;
}

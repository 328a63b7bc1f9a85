// The life of a node as a process: from its configuration, through its log, to the signal that ends it.
import type { Config } from '@cistern/config';
import type { CacheNode, Listening, NodeContext } from '@cistern/process';
import { createMetrics, openTracing } from '@cistern/telemetry';
import { closeOnSignal } from './close-on-signal.ts';
import { collectGarbage } from './collect-garbage.ts';
import { openAuditLog } from './open-audit-log.ts';
import { openLog } from './open-log.ts';
import type { Terminal } from './terminal.ts';
import { urlOf } from './url-of.ts';
import { version } from './version.ts';

/** Where a node listens, as people write it; `undefined`: it does not. */
export interface NodeUrls {
  readonly clients: string | undefined;
  readonly peers: string | undefined;
  readonly debug: string | undefined;
  /** Of the console of a single process. */
  readonly console: string | undefined;
}

export interface NodeKind {
  /** In the log. */
  readonly name: string;
  build(config: Config, context: NodeContext): Promise<CacheNode>;
  /** What a person reads at the start; several lines, the last one ended. */
  greet(config: Config, urls: NodeUrls): string;
}

/** Resolves when the node listens; it ends with the process. Rejects, with everything closed, if it cannot start. */
export async function runNode(config: Config, { name, build, greet }: NodeKind, terminal: Terminal): Promise<void> {
  const { env, stdout, stderr } = terminal;
  const { log, accessLog } = openLog(config.log, stdout);
  for (const { path, message } of config.warnings) log.warn({ key: path }, message);
  const upstreams = config.upstreams.map((upstream) => upstream.name);
  const metrics = createMetrics({ upstreams, version, processMetrics: true });
  const audit = config.audit.path === undefined ? undefined : await openAuditLog(config.audit.path, log);
  const tracing = await openTracing({ env, node: name, version, log });
  const node = await build(config, { log, metrics, tracing, env, accessLog, audit, version });
  collectGarbage();
  let listening: Listening;
  try {
    listening = await node.listen();
  } catch (error) {
    await node.close(0);
    throw error;
  }
  closeOnSignal({
    log,
    graceMs: config.http.drainTimeoutMs,
    async close(graceMs) {
      await node.close(graceMs);
      await tracing?.close();
      audit?.close();
      log.info('closed');
    },
  });
  const urls = urlsOf(listening);
  if (config.log.formatter === 'text' || stderr.isTTY === true) stderr.write(greet(config, urls));
  const { clients, peers, debug } = urls;
  log.info({ version, node: name, url: clients, fillsUrl: peers, debugUrl: debug, upstreams }, 'listening');
}

function urlsOf({ clients, peers, debug, console: operators }: Listening): NodeUrls {
  return {
    clients: clients && urlOf(clients),
    peers: peers && urlOf(peers),
    debug: debug && urlOf(debug),
    console: operators && `${urlOf(operators)}/console/`,
  };
}

// The life of a node as a process: from its configuration, through its log, to the signal that ends it.
import type { Config } from '@cistern/config';
import { closeOnSignal } from './close-on-signal.ts';
import { collectGarbage } from './collect-garbage.ts';
import { openLog } from './open-log.ts';
import { type NodeKind, openNode } from './open-node.ts';
import type { Terminal } from '../terminal/terminal.ts';

/** Resolves when the node listens; it ends with the process. Rejects, with everything closed, if it cannot start. */
export async function runNode(config: Config, kind: NodeKind, { env, stdout, stderr }: Terminal): Promise<void> {
  const { log, accessLog } = openLog(config.log, stdout);
  const node = await openNode(config, kind, { env, log, accessLog });
  collectGarbage();
  const urls = await node.listen();
  closeOnSignal({ log, graceMs: config.http.drainTimeoutMs, close: node.close });
  if (config.log.formatter === 'text' || stderr.isTTY === true) stderr.write(kind.greet(config, urls));
}

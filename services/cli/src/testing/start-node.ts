// Starts a node in the test's process, as the node's command does. The node handles no signals, does not write to
// standard output and does not exit the process. So several nodes can run at the same time.
import type { NodeReload } from '@cistern/runtime/process';
import { createLogger } from '@cistern/telemetry';
import { nodeKinds } from '../commands/nodes.ts';
import { openNode, type NodeUrls } from '../node/open-node.ts';
import { readConfig, readConfigAgain } from '../node/read-config.ts';
import type { Terminal } from '../terminal/terminal.ts';

export type NodeCommand = keyof typeof nodeKinds;

export interface StartedNode {
  readonly urls: NodeUrls;
  /** Returns the lines of the node's log so far. */
  log(): string[];
  /** Reloads the configuration as SIGHUP does. Resolves to the outcome. */
  reload(): ReturnType<NodeReload['run']>;
  /** Shuts the node down as a signal does. Waits up to `http.draintimeout` for requests in flight. Idempotent. */
  stop(): Promise<void>;
}

/** Resolves when the node listens. The caller calls `stop`. */
export async function startNode(command: NodeCommand, file: string, env: Terminal['env']): Promise<StartedNode> {
  const config = readConfig(file, env);
  const lines: string[] = [];
  const write = (text: string) => void lines.push(text.trimEnd());
  const { level, formatter, fields, accessLogEnabled } = config.log;
  const log = createLogger({ level, formatter, fields, destination: { write } });
  const accessLog = accessLogEnabled ? write : undefined;
  const node = await openNode(config, nodeKinds[command], {
    env,
    log,
    accessLog,
    read: () => readConfigAgain(file, env),
  });
  const urls = await node.listen();
  let stopping: Promise<void> | undefined;
  return {
    urls,
    log: () => [...lines],
    reload: node.reload,
    stop: () => (stopping ??= node.close(config.http.drainTimeoutMs)),
  };
}

// A node in the process of the test, as its command starts it. Signals, standard output and the exit stay the test's, so
// several nodes can run at a time.
import { createLogger } from '@cistern/telemetry';
import { nodeKinds } from '../commands/nodes.ts';
import { openNode, type NodeUrls } from '../node/open-node.ts';
import { readConfig } from '../node/read-config.ts';
import type { Terminal } from '../terminal/terminal.ts';

export type NodeCommand = keyof typeof nodeKinds;

export interface StartedNode {
  readonly urls: NodeUrls;
  /** Lines of its log so far. */
  log(): string[];
  /** Ends it as a signal does: requests in flight may go on for `http.draintimeout`. Idempotent. */
  stop(): Promise<void>;
}

/** Resolves when it listens. The caller stops it. */
export async function startNode(command: NodeCommand, file: string, env: Terminal['env']): Promise<StartedNode> {
  const config = readConfig(file, env);
  const lines: string[] = [];
  const write = (text: string) => void lines.push(text.trimEnd());
  const { level, formatter, fields, accessLogEnabled } = config.log;
  const log = createLogger({ level, formatter, fields, destination: { write } });
  const accessLog = accessLogEnabled && formatter === 'text' ? write : undefined;
  const node = await openNode(config, nodeKinds[command], { env, log, accessLog });
  const urls = await node.listen();
  let stopping: Promise<void> | undefined;
  return {
    urls,
    log: () => [...lines],
    stop: () => (stopping ??= node.close(config.http.drainTimeoutMs)),
  };
}

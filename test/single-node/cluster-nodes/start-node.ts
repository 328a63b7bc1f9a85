// Starts one node of a cluster as an operator does: in the process of the test, or as its own process.
import { startNode as startInProcess } from '@cistern/cli/testing/start-node';
import { freePort, type ProcessExit, startProcess } from '@cistern/test-servers';
import type { Owner } from '../src/open-stage.ts';
import { launcher } from '../src/launcher.ts';
import { sendRequest } from '../src/send-request.ts';
import { until } from '../src/until.ts';

export interface StartedNode {
  /** URL of the registry, the fill server or the admin server: `http://127.0.0.1:<port>`. */
  readonly url: string;
  /** Base URL of `/metrics`, `/healthz` and `/readyz`. */
  readonly debugUrl: string;
  /** Returns the lines of its log so far. */
  log(): string[];
  /** Stops the node. Idempotent. */
  stop(): Promise<unknown>;
}

export interface NodeProcess extends StartedNode {
  stop(): Promise<ProcessExit>;
  /** Sends `kill -9`. */
  kill(): Promise<ProcessExit>;
}

type NodeCommand = 'serve' | 'frontend' | 'worker' | 'admin';

const addressKeys = {
  serve: 'REGISTRY_HTTP_ADDR',
  frontend: 'REGISTRY_HTTP_ADDR',
  worker: 'REGISTRY_WORKER_ADDR',
  admin: 'REGISTRY_ADMIN_ADDR',
} as const;

async function placeOf(command: NodeCommand) {
  const [address, debugAddress] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
  return {
    env: {
      REGISTRY_WORKER_ADDR: `127.0.0.1:${await freePort()}`,
      [addressKeys[command]]: address,
      REGISTRY_HTTP_DEBUG_ADDR: debugAddress,
    },
    url: `http://${address}`,
    debugUrl: `http://${debugAddress}`,
  };
}

/** Resolves when the node reports that it is ready. It stops with its owner. */
export async function startNode(owner: Owner, command: NodeCommand, configFile: string): Promise<StartedNode> {
  const node = await startUnready(owner, command, configFile);
  await untilReady(node, command);
  return node;
}

/** Resolves when the node listens. It stops with its owner. */
export async function startUnready(owner: Owner, command: NodeCommand, configFile: string): Promise<StartedNode> {
  const { env, url, debugUrl } = await placeOf(command);
  const { log, stop } = await startInProcess(command, configFile, { ...process.env, ...env });
  owner.after(stop);
  return { url, debugUrl, log, stop };
}

export async function untilReady({ debugUrl }: Pick<StartedNode, 'debugUrl'>, command: NodeCommand): Promise<void> {
  await until(`the ${command} is ready`, async () => (await sendRequest(`${debugUrl}/readyz`)).status === 200);
}

/** Resolves when the node reports that it is ready. It stops with its owner. */
export async function startNodeProcess(owner: Owner, command: NodeCommand, configFile: string): Promise<NodeProcess> {
  const { env, url, debugUrl } = await placeOf(command);
  const node = await startProcess({
    command: process.execPath,
    args: [launcher, command, configFile],
    name: command,
    env,
    ready: { http: `${debugUrl}/readyz` },
  });
  owner.after(() => node.stop());
  return {
    url,
    debugUrl,
    log: () => node.outputLines(),
    stop: () => node.stop(),
    kill: () => node.kill(),
  };
}

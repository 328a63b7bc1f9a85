// One node of a cluster, as one starts it by hand.
import { freePort, startProcess, type SupervisedProcess } from '@cistern/test-services';
import type { Owner } from '../src/open-stage.ts';
import { launcher } from '../src/run-cistern.ts';

export interface StartedNode {
  /** Of what it is there for: the registry, the fill server, the admin server; `http://127.0.0.1:<port>`. */
  readonly url: string;
  /** Of `/metrics`, `/healthz` and `/readyz`, without a path. */
  readonly debugUrl: string;
  readonly process: SupervisedProcess;
}

export type NodeCommand = 'serve' | 'frontend' | 'worker' | 'admin';

const addressKeys = {
  serve: 'REGISTRY_HTTP_ADDR',
  frontend: 'REGISTRY_HTTP_ADDR',
  worker: 'REGISTRY_WORKER_ADDR',
  admin: 'REGISTRY_ADMIN_ADDR',
} as const;

/** Ready when it says so; stopped with its owner. */
export async function startNode(owner: Owner, command: NodeCommand, configFile: string): Promise<StartedNode> {
  const [address, debugAddress] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
  const node = await startProcess({
    command: process.execPath,
    args: [launcher, command, configFile],
    name: command,
    env: {
      REGISTRY_WORKER_ADDR: `127.0.0.1:${await freePort()}`,
      [addressKeys[command]]: address,
      REGISTRY_HTTP_DEBUG_ADDR: debugAddress,
    },
    ready: { http: `http://${debugAddress}/readyz` },
  });
  owner.after(() => node.stop());
  return { url: `http://${address}`, debugUrl: `http://${debugAddress}`, process: node };
}

// An S3 server in the simulated network. It is a process that can be killed and frozen, and its contents are durable.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type ObjectFaults, createObjectFaults } from '../cluster/object-faults.ts';
import { type ControlledProcess, startProcess } from '../cluster/start-process.ts';
import type { Random } from '../world/random.ts';
import { type S3Contents, createS3Contents } from './s3-contents.ts';
import { type S3Faults, createS3Faults } from './s3-faults.ts';
import { serveRequest } from './serve-request.ts';

export interface SimulatedS3 extends ControlledProcess {
  readonly endpoint: string;
  readonly contents: S3Contents;
  /** No fault is set at first. */
  readonly faults: S3Faults;
  readonly objectFaults: ObjectFaults;
}

const port = 9_000;
/** Node measures these two timeouts with the machine's clock. */
const noMachineTime = { headersTimeout: 0, requestTimeout: 0 };

/**
 * Must be called only once per world. The server accepts all access keys and regions. `random` decides which requests
 * the faults hit.
 */
export async function startSimulatedS3(
  random: Random,
  objectFaults: ObjectFaults = createObjectFaults(),
): Promise<SimulatedS3> {
  const contents = createS3Contents();
  const faults = createS3Faults();
  const process = await startProcess('s3', async () => {
    const server = createServer(noMachineTime, (request, response) => {
      void serveRequest(request, response, { contents, faults, objectFaults, random });
    });
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return {
      async close() {
        server.closeAllConnections();
        server.close();
        await once(server, 'close');
      },
    };
  });
  return {
    ...process.controls,
    get owner() {
      return process.owner;
    },
    endpoint: `http://127.0.0.1:${port}`,
    contents,
    faults,
    objectFaults,
  };
}

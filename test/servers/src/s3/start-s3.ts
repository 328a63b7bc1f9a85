// A real S3 server: the gateway of Ceph, or the one that the environment names.
import { randomBytes } from 'node:crypto';
import { freePort } from '../free-port.ts';
import { startGateway } from './start-gateway.ts';

export interface S3 {
  /** `http://127.0.0.1:<port>`, without a path. Buckets are in the path, not in the host. */
  readonly endpoint: string;
  readonly region: string;
  readonly accessKey: string;
  readonly secretKey: string;
  /** Whether it can be stopped and frozen: not the server that the environment names. */
  readonly controllable: boolean;
  /** Ends the gateway (SIGKILL) and keeps its data. Idempotent. */
  stop(): Promise<void>;
  /** Starts the gateway again, on the same port. Idempotent. */
  start(): Promise<void>;
  /** Another account, which may do nothing yet; where `controllable`. Resolves with its name in policies (`Principal`). */
  addAccount(keys: { readonly accessKey: string; readonly secretKey: string }): Promise<string>;
  /** SIGSTOP: connections are accepted (the system does that), and nothing is answered. */
  freeze(): void;
  thaw(): void;
  /** Ends everything and removes its data. Idempotent. */
  close(): Promise<void>;
}

/**
 * Installs what is missing and starts a server of its own on loopback, in about four seconds; one for each test file,
 * with a bucket for each test. Where S3_ENDPOINT, S3_ACCESS_KEY and S3_SECRET_KEY are set (and S3_REGION, if it is not
 * us-east-1), it is that server instead. The caller closes what it gets.
 */
export async function startS3(): Promise<S3> {
  const { S3_ENDPOINT: endpoint } = process.env;
  if (endpoint !== undefined) return existingServer(endpoint);
  const [accessKey, secretKey] = [randomBytes(10).toString('hex'), randomBytes(20).toString('hex')];
  return startGateway({ host: '127.0.0.1', port: await freePort(), accessKey, secretKey });
}

function existingServer(endpoint: string): S3 {
  const { S3_REGION: region = 'us-east-1', S3_ACCESS_KEY: accessKey, S3_SECRET_KEY: secretKey } = process.env;
  if (accessKey === undefined || secretKey === undefined)
    throw new Error('S3_ENDPOINT is set, so S3_ACCESS_KEY and S3_SECRET_KEY must be set too.');
  return {
    endpoint: new URL(endpoint).origin,
    region,
    accessKey,
    secretKey,
    controllable: false,
    stop: async () => refuse(),
    start: async () => refuse(),
    addAccount: async () => refuse(),
    freeze: refuse,
    thaw: refuse,
    close: async () => {},
  };
}

function refuse(): never {
  throw new Error('The server that S3_ENDPOINT names can neither be stopped nor changed by a test.');
}

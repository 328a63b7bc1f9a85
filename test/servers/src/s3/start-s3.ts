// Starts a real S3 server, Ceph's gateway, or uses the server that the environment names.
import { randomBytes } from 'node:crypto';
import { freePort } from '../free-port.ts';
import { startGateway } from './start-gateway.ts';

export interface S3 {
  /** `http://127.0.0.1:<port>`, without a path. The name of the bucket is in the path, not in the host. */
  readonly endpoint: string;
  readonly region: string;
  readonly accessKey: string;
  readonly secretKey: string;
  /** True if the test can stop, freeze and change the server. False for the server that the environment names. */
  readonly controllable: boolean;
  /** Sends SIGKILL to the gateway. Its data stay. Idempotent. */
  stop(): Promise<void>;
  /** Starts the gateway again on the same port. Idempotent. */
  start(): Promise<void>;
  /**
   * Adds an account that has no rights in existing buckets. Works only if `controllable`. Resolves to the account's
   * name for the `Principal` of bucket policies.
   */
  addAccount(keys: { readonly accessKey: string; readonly secretKey: string }): Promise<string>;
  /** Sends SIGSTOP: the kernel still accepts connections, but the server answers nothing. */
  freeze(): void;
  thaw(): void;
  /** Sets whether the server rejects writes for lack of space. Works only if `controllable`. */
  setFull(isFull: boolean): Promise<void>;
  /** Stops everything and removes its data. Idempotent. */
  close(): Promise<void>;
}

/**
 * Installs missing packages and starts a server on loopback, which takes about four seconds. Each test file uses one
 * server, and each test one bucket. If S3_ENDPOINT, S3_ACCESS_KEY and S3_SECRET_KEY are set, it uses that server
 * instead. S3_REGION defaults to us-east-1. The caller closes the server.
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
    setFull: async () => refuse(),
    close: async () => {},
  };
}

function refuse(): never {
  throw new Error('A test can neither stop nor change the server of S3_ENDPOINT.');
}

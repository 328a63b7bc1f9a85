// One bucket as the parts of this adapter see it: clients that time out, keys below the root, errors with names.
import type { CacheError } from '@cistern/errors';
import { ExponentialBackoff, handleWhen, retry } from 'cockatiel';
import { Client } from 'minio';
import { createS3Transport } from './create-s3-transport.ts';
import { codeOf, isPassing, toStoreError } from './s3-error.ts';

export interface S3Access {
  /** `http://127.0.0.1:9000` or `https://s3.example.com`: no path. */
  readonly endpoint: string;
  readonly region: string;
  readonly accessKey: string;
  readonly secretKey: string;
  readonly bucket: string;
  /** registry:2's `rootdirectory`: slashes at both its ends do not count; empty for the bucket itself. */
  readonly rootDirectory: string;
  /** The bucket in the path instead of the host name. */
  readonly pathStyle: boolean;
  /** How long the server may be silent before a request fails. */
  readonly timeoutMs: number;
}

export interface S3Bucket {
  readonly name: string;
  readonly timeoutMs: number;
  /** For requests that end soon. */
  readonly client: Client;
  /** For bodies that are read at the pace of whoever wants them, so that these do not hold up all else. */
  readonly bodies: Client;
  /** The full name of an object, from its key or prefix in the store's layout. */
  locate(key: string): string;
  /** The opposite of `locate`. */
  relativeKey(name: string): string;
  /** Runs `action`, again if it fails for the moment; rejects with `store-unavailable`. `doing`: "read a blob". */
  attempt<T>(doing: string, action: () => Promise<T>): Promise<T>;
  /** Like `attempt`, for objects that may not be there: `undefined` then, and only then. */
  attemptIfPresent<T>(doing: string, action: () => Promise<T>): Promise<T | undefined>;
  /** `store-unavailable`, for what was found wrong with an answer. */
  failure(doing: string, error: unknown): CacheError;
  close(): void;
}

const maxRequests = 128;
/** As many as clients that pull at once; a body at a slow client's pace holds one for long. */
const maxBodies = 1024;

/** Throws `TypeError` for an endpoint that is no address of a server. Connects to nothing yet. */
export function createS3Bucket(access: S3Access): S3Bucket {
  const { bucket: name, rootDirectory, timeoutMs } = access;
  const address = parseEndpoint(access.endpoint);
  const place = { endpoint: access.endpoint, bucket: name };
  const connect = (maxConnections: number) => {
    const transport = createS3Transport({ secure: address.useSSL, timeoutMs, maxConnections });
    const { region, accessKey, secretKey, pathStyle } = access;
    const client = new Client({ ...address, region, accessKey, secretKey, pathStyle, ...transport.clientOptions });
    return { client, close: transport.close };
  };
  const [requests, bodies] = [connect(maxRequests), connect(maxBodies)];
  const root = rootDirectory.replace(/^\/+|\/+$/g, '');
  const prefix = root === '' ? '' : `${root}/`;
  const retrying = retry(handleWhen(isPassing), {
    maxAttempts: 2,
    backoff: new ExponentialBackoff({ initialDelay: 100, maxDelay: 1000 }),
  });

  const failure = (doing: string, error: unknown) => toStoreError(error, doing, place);

  async function attempt<T>(doing: string, action: () => Promise<T>): Promise<T> {
    try {
      return await retrying.execute(action);
    } catch (error) {
      throw failure(doing, error);
    }
  }

  async function attemptIfPresent<T>(doing: string, action: () => Promise<T>): Promise<T | undefined> {
    try {
      return await attempt(doing, action);
    } catch (error) {
      const code = codeOf(error);
      if (code === 'NoSuchKey') return undefined;
      if (code !== 'NotFound') throw error;
      // An answer without a body, to HEAD above all: the bucket may be what is not there.
      if (await attempt(doing, async () => requests.client.bucketExists(name))) return undefined;
      throw failure(doing, Object.assign(new Error('the bucket is gone', { cause: error }), { code: 'NoSuchBucket' }));
    }
  }

  return {
    name,
    timeoutMs,
    client: requests.client,
    bodies: bodies.client,
    locate: (key) => prefix + key,
    relativeKey: (objectName) => objectName.slice(prefix.length),
    attempt,
    attemptIfPresent,
    failure,
    close() {
      requests.close();
      bodies.close();
    },
  };
}

function parseEndpoint(endpoint: string): {
  readonly endPoint: string;
  readonly useSSL: boolean;
  readonly port?: number;
} {
  const url = URL.parse(endpoint);
  if (url === null || !/^https?:$/.test(url.protocol) || url.pathname !== '/' || url.search !== '')
    throw new TypeError(
      `${JSON.stringify(endpoint)} is not an endpoint: give it as http(s)://host:port, without a path`,
    );
  const { hostname, protocol, port } = url;
  const address = { endPoint: hostname.replace(/^\[|\]$/g, ''), useSSL: protocol === 'https:' };
  return port === '' ? address : { ...address, port: Number(port) };
}

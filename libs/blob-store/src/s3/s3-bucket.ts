// One bucket for all parts of this adapter: clients with timeouts, keys below the root, and errors with codes.
import { ExponentialBackoff, handleWhen, retry } from 'cockatiel';
import { Client } from 'minio';
import { BodyFailure } from '../read-body.ts';
import { createBodyTransport } from './create-body-transport.ts';
import { createS3Transport } from './create-s3-transport.ts';
import { codeOf, isPassing, toStoreError } from './s3-error.ts';
import { watchSilence } from './watch-silence.ts';

export interface S3Access {
  /** `http://127.0.0.1:9000` or `https://s3.example.com`, without a path. */
  readonly endpoint: string;
  /** The endpoint of the same server for clients of the cache; default: `endpoint`. */
  readonly publicEndpoint?: string | undefined;
  readonly region: string;
  readonly accessKey: string;
  readonly secretKey: string;
  readonly bucket: string;
  /** registry:2's `rootdirectory`. Leading and trailing slashes are ignored; empty means the bucket itself. */
  readonly rootDirectory: string;
  /** Puts the bucket into the path instead of the host name. */
  readonly pathStyle: boolean;
  /** How long the server may be silent before an upload or a listing fails. */
  readonly timeoutMs: number;
  /** The same for all other calls, which clients of the cache wait for. */
  readonly promptMs: number;
  readonly log: { warn(fields: object, message: string): void };
}

export type S3Bucket = ReturnType<typeof createS3Bucket>;

const maxRequests = 128;
/** Limit on concurrently read bodies. A body that is not being read gives its connection up to a waiting reader. */
const maxBodies = 1024;

/** Throws `TypeError` for an endpoint that is not a server address. Does not connect yet. */
export function createS3Bucket(access: S3Access) {
  const { bucket: name, rootDirectory, timeoutMs, promptMs } = access;
  const address = parseEndpoint(access.endpoint);
  const place = { endpoint: access.endpoint, bucket: name };
  const { region, accessKey, secretKey, pathStyle } = access;
  const account = { region, accessKey, secretKey, pathStyle };
  const silence = watchSilence({
    endpoint: access.endpoint,
    onChange: (isSilent) =>
      access.log.warn(place, isSilent ? 'store not responding, failing requests fast' : 'store responding again'),
  });
  const connect = (maxConnections: number, silenceMs: number, create = createS3Transport) => {
    const transport = create({ secure: address.useSSL, timeoutMs: silenceMs, maxConnections, silence });
    // The client's own retry would send only the rest of a stream. With these transports it never happens anyway.
    const options = { ...address, ...account, ...transport.clientOptions, retryOptions: { disableRetry: true } };
    return { client: new Client(options), close: transport.close };
  };
  const signer = new Client({ ...parseEndpoint(access.publicEndpoint ?? access.endpoint), ...account });
  const requests = connect(maxRequests, timeoutMs);
  const prompt = connect(maxRequests, promptMs);
  const bodies = connect(maxBodies, promptMs, createBodyTransport);
  const root = rootDirectory.replace(/^\/+|\/+$/g, '');
  const prefix = root === '' ? '' : `${root}/`;
  const retrying = retry(handleWhen(isPassing), {
    maxAttempts: 2,
    backoff: new ExponentialBackoff({ initialDelay: 100, maxDelay: 1000 }),
  });

  /** Returns `store-unavailable` for a fault found in a response. */
  const failure = (doing: string, error: unknown) => toStoreError(error, doing, place);

  /**
   * Runs `action`, and retries temporary failures. Rejects with `store-unavailable` or `BodyFailure`. `doing` is a
   * phrase such as "read a blob".
   */
  async function attempt<T>(doing: string, action: () => Promise<T>): Promise<T> {
    try {
      return await retrying.execute(action);
    } catch (error) {
      if (error instanceof BodyFailure) throw error;
      throw failure(doing, error);
    }
  }

  /** Like `attempt`, but returns `undefined` for a missing object, and only then. */
  async function attemptIfPresent<T>(doing: string, action: () => Promise<T>): Promise<T | undefined> {
    try {
      return await attempt(doing, action);
    } catch (error) {
      const code = codeOf(error);
      if (code === 'NoSuchKey') return undefined;
      if (code !== 'NotFound') throw error;
      // A response without a body, mostly to HEAD, may also mean that the bucket is missing.
      if (await attempt(doing, async () => prompt.client.bucketExists(name))) return undefined;
      throw failure(
        doing,
        Object.assign(new Error('the bucket is missing', { cause: error }), { code: 'NoSuchBucket' }),
      );
    }
  }

  return {
    name,
    /** Whether the signature includes the SHA-256 of a body. */
    signsBodies: !address.useSSL,
    /** Client for uploads of blobs and for listings, which may take a server long. */
    client: requests.client,
    /** Client for small requests that a caller waits for. */
    prompt: prompt.client,
    /**
     * Client for bodies that are read at the pace of their readers, so that these do not delay other requests. Its
     * responses are `BodyResponse`s.
     */
    bodies: bodies.client,
    /** Signs URLs for `publicEndpoint`, without connecting to it. A signature covers the host. */
    signer,
    /** Returns the full name of an object, from its key or prefix in the store's layout. */
    locate: (key: string): string => prefix + key,
    /** Reverses `locate`. */
    relativeKey: (objectName: string): string => objectName.slice(prefix.length),
    attempt,
    attemptIfPresent,
    failure,
    close(): void {
      silence.close();
      requests.close();
      prompt.close();
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

// Access to one bucket: instances of `minio` with timeouts, keys below the root directory, and errors with codes.
import { ExponentialBackoff, handleWhen, retry } from 'cockatiel';
import { Client } from 'minio';
import { BodyFailure } from '../read-body.ts';
import { blobsPrefix } from '../key-layout.ts';
import { createBodyTransport } from './create-body-transport.ts';
import { createS3Transport } from './create-s3-transport.ts';
import { codeOf, isPassing, toStoreError } from './s3-error.ts';
import { watchSilence } from './watch-silence.ts';
import type { StoreLog } from '../watch-store-outage.ts';
import { watchStore } from './watch-store.ts';

export interface S3Access {
  /** `http://127.0.0.1:9000` or `https://s3.example.com`, without a path. */
  readonly endpoint: string;
  /** The endpoint that clients of the cache use for the same S3 server. Default: `endpoint`. */
  readonly publicEndpoint?: string | undefined;
  readonly region: string;
  readonly accessKey: string;
  readonly secretKey: string;
  readonly bucket: string;
  /**
   * The `rootdirectory` of registry:2. Leading and trailing slashes are ignored. Empty means the root of the bucket.
   */
  readonly rootDirectory: string;
  /** True puts the bucket into the path of URLs, false into the host name. */
  readonly pathStyle: boolean;
  /** How long the S3 server may be silent before a request of `client` fails. */
  readonly timeoutMs: number;
  /** How long the S3 server may be silent before a request of `prompt` or `bodies` fails. */
  readonly promptMs: number;
  readonly log: StoreLog;
}

export type S3Bucket = ReturnType<typeof createS3Bucket>;

const maxRequests = 128;
/**
 * Limit on concurrently read bodies. Beyond it, a waiting reader gets the connection of a body that is not being read.
 */
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
    onChange(isSilent) {
      if (isSilent) watch.begin(failure('respond', Object.assign(new Error('no response'), { code: 'SILENT' })));
    },
  });
  const connect = (maxConnections: number, silenceMs: number, create = createS3Transport) => {
    const transport = create({ secure: address.useSSL, timeoutMs: silenceMs, maxConnections, silence });
    // The retries of `minio` would be wrong, because they would send only the rest of a stream. Our transports report
    // errors that `minio` does not retry anyway.
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

  const watch = watchStore({
    place,
    log: access.log,
    async probe() {
      try {
        await prompt.client.listObjectsV2Query(name, `${prefix}${blobsPrefix}`, '', '', 1, '');
      } catch (error) {
        throw failure('use its bucket', error);
      }
    },
  });

  /** Turns an error, or a fault that the caller found in a response, into `store-unavailable`. */
  const failure = (doing: string, error: unknown) => toStoreError(error, doing, place);

  /**
   * Runs `action`, and retries temporary failures. Rejects with `store-unavailable` or `BodyFailure`. `doing` is a
   * phrase such as "read a blob".
   */
  async function attempt<T>(doing: string, action: () => Promise<T>): Promise<T> {
    try {
      const result = await retrying.execute(action);
      watch.succeeded();
      return result;
    } catch (error) {
      if (error instanceof BodyFailure) throw error;
      const failed = failure(doing, error);
      watch.failed(failed);
      throw failed;
    }
  }

  /** Like `attempt`, but returns `undefined` if the object does not exist. */
  async function attemptIfPresent<T>(doing: string, action: () => Promise<T>): Promise<T | undefined> {
    try {
      return await attempt(doing, action);
    } catch (error) {
      const code = codeOf(error);
      if (code === 'NoSuchKey') return undefined;
      if (code !== 'NotFound') throw error;
      // `NotFound` is the code of a response without a body, such as one to HEAD. It can also mean that the bucket is
      // missing.
      if (await attempt(doing, async () => prompt.client.bucketExists(name))) return undefined;
      throw failure(
        doing,
        Object.assign(new Error('the bucket is missing', { cause: error }), { code: 'NoSuchBucket' }),
      );
    }
  }

  return {
    name,
    /** True if the signature of a request includes the SHA-256 of its body. */
    signsBodies: !address.useSSL,
    /**
     * `minio` for requests that can take the S3 server long, such as uploads, listings and removals of many objects.
     */
    client: requests.client,
    /** `minio` for short requests that a client of the cache waits for. */
    prompt: prompt.client,
    /**
     * `minio` for reading blobs. It has connections of its own, so that slow readers do not delay other requests. Its
     * responses are `BodyResponse`s.
     */
    bodies: bodies.client,
    /**
     * `minio` that only signs URLs, and never connects. It is separate because a signature covers the host, which is
     * that of `publicEndpoint`.
     */
    signer,
    /** Returns the S3 key, or prefix, for a key or prefix in the store's layout. */
    locate: (key: string): string => prefix + key,
    /** Returns the key in the store's layout for an S3 key. */
    relativeKey: (objectName: string): string => objectName.slice(prefix.length),
    attempt,
    attemptIfPresent,
    failure,
    /** Logs the outages of the S3 server. */
    watch,
    close(): void {
      watch.close();
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

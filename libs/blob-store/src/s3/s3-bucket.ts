// One bucket as the parts of this adapter see it: clients that time out, keys below the root, errors with names.
import { ExponentialBackoff, handleWhen, retry } from 'cockatiel';
import { Client } from 'minio';
import { BodyFailure } from '../read-body.ts';
import { createBodyTransport } from './create-body-transport.ts';
import { createS3Transport } from './create-s3-transport.ts';
import { codeOf, isPassing, toStoreError } from './s3-error.ts';
import { watchSilence } from './watch-silence.ts';

export interface S3Access {
  /** `http://127.0.0.1:9000` or `https://s3.example.com`: no path. */
  readonly endpoint: string;
  /** As clients of the cache reach the same server; default: `endpoint`. */
  readonly publicEndpoint?: string | undefined;
  readonly region: string;
  readonly accessKey: string;
  readonly secretKey: string;
  readonly bucket: string;
  /** registry:2's `rootdirectory`: slashes at both its ends do not count; empty for the bucket itself. */
  readonly rootDirectory: string;
  /** The bucket in the path instead of the host name. */
  readonly pathStyle: boolean;
  /** How long the server may be silent before an upload or a listing fails. */
  readonly timeoutMs: number;
  /** The same for all else, which a client of the cache waits for. */
  readonly promptMs: number;
  readonly log: { warn(fields: object, message: string): void };
}

export type S3Bucket = ReturnType<typeof createS3Bucket>;

const maxRequests = 128;
/** As many bodies are read at once; those that are not read at the moment hold none where others need it. */
const maxBodies = 1024;

/** Throws `TypeError` for an endpoint that is no address of a server. Connects to nothing yet. */
export function createS3Bucket(access: S3Access) {
  const { bucket: name, rootDirectory, timeoutMs, promptMs } = access;
  const address = parseEndpoint(access.endpoint);
  const place = { endpoint: access.endpoint, bucket: name };
  const { region, accessKey, secretKey, pathStyle } = access;
  const account = { region, accessKey, secretKey, pathStyle };
  const silence = watchSilence({
    endpoint: access.endpoint,
    onChange: (isSilent) =>
      access.log.warn(place, isSilent ? 'the store is silent: it is asked no more' : 'the store answers again'),
  });
  const connect = (maxConnections: number, silenceMs: number, create = createS3Transport) => {
    const transport = create({ secure: address.useSSL, timeoutMs: silenceMs, maxConnections, silence });
    // It would send the rest of a stream again. Its own retry does not come about with these transports anyway.
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

  /** `store-unavailable`, for what was found wrong with an answer. */
  const failure = (doing: string, error: unknown) => toStoreError(error, doing, place);

  /** Runs `action`, again if it fails for the moment; rejects with `store-unavailable`, or `BodyFailure`. `doing`: "read a blob". */
  async function attempt<T>(doing: string, action: () => Promise<T>): Promise<T> {
    try {
      return await retrying.execute(action);
    } catch (error) {
      if (error instanceof BodyFailure) throw error;
      throw failure(doing, error);
    }
  }

  /** Like `attempt`, for objects that may not be there: `undefined` then, and only then. */
  async function attemptIfPresent<T>(doing: string, action: () => Promise<T>): Promise<T | undefined> {
    try {
      return await attempt(doing, action);
    } catch (error) {
      const code = codeOf(error);
      if (code === 'NoSuchKey') return undefined;
      if (code !== 'NotFound') throw error;
      // An answer without a body, to HEAD above all: the bucket may be what is not there.
      if (await attempt(doing, async () => prompt.client.bucketExists(name))) return undefined;
      throw failure(doing, Object.assign(new Error('the bucket is gone', { cause: error }), { code: 'NoSuchBucket' }));
    }
  }

  return {
    name,
    /** Whether the SHA-256 of a body is part of its signature. */
    signsBodies: !address.useSSL,
    /** For uploads of blobs and for listings: a server may take its time over them. */
    client: requests.client,
    /** For small requests that a caller waits for. */
    prompt: prompt.client,
    /**
     * For bodies that are read at the pace of their readers, so that these do not hold up all else. Its answers are
     * `BodyResponse`s.
     */
    bodies: bodies.client,
    /** Signs URLs for `publicEndpoint`, which it does not connect to: a signature covers the host. */
    signer,
    /** The full name of an object, from its key or prefix in the store's layout. */
    locate: (key: string): string => prefix + key,
    /** The opposite of `locate`. */
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

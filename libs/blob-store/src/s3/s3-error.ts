// Turns errors of S3, of the network and of `minio` into `store-unavailable`, with a reason that an operator can act
// on.
import { CacheError } from '@cistern/errors';

export interface S3Place {
  /** For example `https://s3.example.com:9000`. */
  readonly endpoint: string;
  readonly bucket: string;
}

type Reason = (place: S3Place) => string;

const unresolved: Reason = ({ endpoint }) => `the host name of ${endpoint} cannot be resolved`;
const unreachable: Reason = ({ endpoint }) => `${endpoint} is unreachable`;
const broken: Reason = ({ endpoint }) => `${endpoint} broke the connection`;
const silent: Reason = ({ endpoint }) => `${endpoint} has been silent for too long`;
const untrusted: Reason = ({ endpoint }) => `the certificate of ${endpoint} is not trusted`;
const notHttp: Reason = ({ endpoint }) =>
  `${endpoint} does not speak the protocol of its URL; check whether it is http or https`;
const elsewhere: Reason = ({ bucket }) =>
  `the bucket ${bucket} is in another region or at another endpoint than configured`;
const full: Reason = ({ endpoint }) => `the storage of ${endpoint} is full`;
const failing: Reason = ({ endpoint }) => `${endpoint} is overloaded or failing`;

const reasons: Readonly<Record<string, Reason>> = {
  ECONNREFUSED: ({ endpoint }) => `no server listens at ${endpoint}`,
  ENOTFOUND: unresolved,
  EAI_AGAIN: unresolved,
  EHOSTUNREACH: unreachable,
  ENETUNREACH: unreachable,
  ETIMEDOUT: unreachable,
  ECONNRESET: broken,
  EPIPE: broken,
  ERR_STREAM_PREMATURE_CLOSE: broken,
  SILENT: silent,
  NO_FREE_CONNECTION: () => 'all connections to S3 are in use',
  CLOSED: () => 'the store has been closed',
  NOT_HTTP: notHttp,
  EPROTO: notHttp,
  ERR_SSL_WRONG_VERSION_NUMBER: notHttp,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: notHttp,
  HPE_INVALID_CONSTANT: notHttp,
  HPE_INVALID_VERSION: notHttp,
  CERT_HAS_EXPIRED: untrusted,
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  ERR_TLS_CERT_ALTNAME_INVALID: untrusted,
  InvalidAccessKeyId: ({ endpoint }) => `${endpoint} does not know the access key`,
  SignatureDoesNotMatch: () => 'the secret key does not belong to the access key',
  AccessDenied: ({ bucket }) => `the access key has no permission to do this in the bucket ${bucket}`,
  RequestTimeTooSkewed: ({ endpoint }) => `the clocks of this machine and of ${endpoint} differ too much`,
  NoSuchBucket: ({ bucket, endpoint }) => `there is no bucket ${bucket} at ${endpoint}`,
  NoSuchUpload: () => 'another process has completed or aborted this upload',
  InvalidBucketName: ({ bucket }) => `${bucket} is not a valid bucket name`,
  AuthorizationHeaderMalformed: elsewhere,
  IllegalLocationConstraintException: elsewhere,
  InvalidLocationConstraint: elsewhere,
  MovedPermanently: elsewhere,
  PermanentRedirect: elsewhere,
  TemporaryRedirect: elsewhere,
  InsufficientStorage: full,
  QuotaExceeded: full,
  XMinioStorageFull: full,
  'HTTP 500': failing,
  'HTTP 502': failing,
  'HTTP 503': failing,
  'HTTP 504': failing,
  'HTTP 429': failing,
};

/** An error of the S3 server, its bucket or the connection to it. Other errors of the same kind have causes of this node. */
export class S3Error extends CacheError {}

/** Returns the CacheError for `error`, an S3Error. `doing` is a phrase such as "read a blob". Returns a CacheError unchanged. */
export function toStoreError(error: unknown, doing: string, place: S3Place): CacheError {
  if (error instanceof CacheError) return error;
  const code = codeOf(error) ?? 'unknown';
  const reason = reasons[code]?.(place) ?? `${place.endpoint} reports an error${messageOf(error)}`;
  return new S3Error('store-unavailable', `The store cannot ${doing}: ${reason} (${code}).`, {
    detail: { code },
    retryable: true,
    cause: error,
  });
}

/**
 * Returns the code of an error of S3 or the system. For a CacheError of `toStoreError`, returns the code of the
 * original error.
 */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  if (error instanceof CacheError) return codeOf(error.detail);
  // If a response with status 200 contains an error, `minio` throws the parsed object, with `Code` instead of `code`.
  const { code, Code } = error as { readonly code?: unknown; readonly Code?: unknown };
  return [code, Code].find((value) => typeof value === 'string' && value !== '') as string | undefined;
}

/**
 * Reports whether a retry within a second may succeed. Returns false for a timeout, because the caller has already
 * waited for the whole timeout.
 */
export function isPassing(error: unknown): boolean {
  const code = codeOf(error) ?? '';
  return /^(?:ECONNRESET|EPIPE|InternalError|SlowDown|HTTP 5\d\d|HTTP 429)$/.test(code);
}

/** Reports whether the S3 server was unreachable, overloaded or failing. If so, the settings may still be correct. */
export function isUnavailable(error: unknown): boolean {
  const code = codeOf(error) ?? '';
  return unavailableCodes.has(code) || isPassing(error);
}

const unavailableCodes: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'ERR_STREAM_PREMATURE_CLOSE',
  'SILENT',
  'ServiceUnavailable',
  'XMinioServerNotInitialized',
]);

function messageOf(error: unknown): string {
  const { message, Message } = error as { readonly message?: unknown; readonly Message?: unknown };
  const text = [message, Message].find((value) => typeof value === 'string' && value !== '');
  return text === undefined ? '' : `: ${text as string}`;
}

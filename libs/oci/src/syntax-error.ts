// The error of this package's parsers. It is not a CacheError, because packages of floor 0 import no other package. The frontend
// maps it to a response.

export class OciSyntaxError extends Error {
  override readonly name = 'OciSyntaxError';
  /** The error code of the OCI specification. The frontend's table maps it to an HTTP status. */
  readonly code: OciErrorCode;

  constructor(code: OciErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** The codes of the OCI distribution specification, "Error Codes", and codes that the registry software distribution adds. */
const ociErrorCodes = [
  'BLOB_UNKNOWN',
  'DENIED',
  'DIGEST_INVALID',
  'MANIFEST_INVALID',
  'MANIFEST_UNKNOWN',
  'NAME_INVALID',
  'NAME_UNKNOWN',
  'PAGINATION_NUMBER_INVALID',
  'RANGE_INVALID',
  'TAG_INVALID',
  'TOOMANYREQUESTS',
  'UNAUTHORIZED',
  'UNAVAILABLE',
  'UNKNOWN',
  'UNSUPPORTED',
] as const;

export type OciErrorCode = (typeof ociErrorCodes)[number];

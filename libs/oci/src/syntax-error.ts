// What the parsers of this package throw. Floor 0 imports nothing, so this is not a CacheError; the frontend maps it.

export class OciSyntaxError extends Error {
  override readonly name = 'OciSyntaxError';
  /** The OCI code that says what is wrong. The frontend's table has the status. */
  readonly code: OciErrorCode;

  constructor(code: OciErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** The codes of the OCI distribution specification, "Error Codes", and the two that distribution adds. */
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

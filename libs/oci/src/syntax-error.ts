// The error of this package's parsers. Floor 0 imports nothing, so it is not a CacheError. The frontend maps it.

export class OciSyntaxError extends Error {
  override readonly name = 'OciSyntaxError';
  /** The OCI code of the fault. The frontend's table maps it to a status. */
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

// What the parsers of this package throw. Floor 0 imports nothing, so this is not a CacheError; the frontend maps it.
import type { OciErrorCode } from './error-codes.ts';

export class OciSyntaxError extends Error {
  override readonly name = 'OciSyntaxError';
  /** The OCI code of the answer this deserves; its status is always 400. */
  readonly code: OciErrorCode;

  constructor(code: OciErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

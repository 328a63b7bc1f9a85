/** What a server did in place of an answer; `code` as system errors have one. */
export class BodyError extends Error {
  override readonly name = 'BodyError';
  readonly code: 'SILENT' | 'NOT_HTTP';

  constructor(code: BodyError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/** Of an answer whose connection has ended, cleanly or not. */
export function endedEarly(): Error {
  return Object.assign(new Error('the answer ended early'), { code: 'ECONNRESET' });
}

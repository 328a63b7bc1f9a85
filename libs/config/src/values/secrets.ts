// Wraps secrets, so that a printed or logged configuration cannot show them.
import { inspect } from 'node:util';

const shown = '[redacted]';

/** A secret that JSON, templates and `util.inspect` show as `[redacted]`. */
export interface Secret {
  reveal(): string;
  toJSON(): string;
  toString(): string;
}

export function createSecret(value: string): Secret {
  return Object.freeze({
    reveal: () => value,
    toJSON: () => shown,
    toString: () => shown,
    [inspect.custom]: () => shown,
  });
}

// Secrets travel wrapped, so that printing a configuration, or logging a part of it, cannot show one.
import { inspect } from 'node:util';

const shown = '[redacted]';

/** Shows itself as `[redacted]` to JSON, templates and `util.inspect`. */
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

// Serializes errors for the log: the error and its causes, but never the data that was sent or received.
import { CacheError } from '@cistern/errors';
import { redactFields, redactText, redactUrl } from './redact.ts';

interface SerializedError {
  readonly type: string;
  readonly message: string;
  readonly code?: string;
  readonly kind?: string;
  readonly detail?: unknown;
  readonly stack?: string;
  readonly cause?: unknown;
  /** The errors of an AggregateError, for example one per dialled address. */
  readonly errors?: readonly unknown[];
}

const maxCauses = 6;

/**
 * Returns the type, message, `code` and chain of causes of an error. It adds the `kind` and `detail` of a CacheError, and the
 * stack of any other error. Other properties (bodies, headers, requests) are omitted. A value that is not an Error is redacted
 * and returned.
 */
export function serializeError(value: unknown): unknown {
  return serialize(value, 0);
}

function serialize(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return redactText(value);
  if (!(value instanceof Error)) return redactFields(value, replaceInstance);
  const code = (value as NodeJS.ErrnoException).code;
  return {
    type: value.name,
    message: redactText(value.message),
    ...(typeof code === 'string' && { code }),
    ...(value instanceof CacheError && { kind: value.kind }),
    ...(value instanceof CacheError &&
      value.detail !== undefined && { detail: redactFields(value.detail, replaceInstance) }),
    ...(needsStack(value, depth) && { stack: redactText(value.stack ?? '') }),
    ...(value.cause !== undefined && depth < maxCauses && { cause: serialize(value.cause, depth + 1) }),
    ...(value instanceof AggregateError &&
      depth < maxCauses && { errors: value.errors.slice(0, 8).map((error) => serialize(error, depth + 1)) }),
  } satisfies SerializedError;
}

/**
 * Returns whether the stack is logged. A CacheError is thrown on purpose, so its message is enough. Any other error may be a bug,
 * so its stack is logged, but not the stacks of causes.
 */
function needsStack(value: Error, depth: number): boolean {
  return depth === 0 && value.stack !== undefined && !(value instanceof CacheError);
}

/** Converts an instance of a class for the log. `redactFields` calls it as `replace`. */
export function replaceInstance(value: object): unknown {
  if (value instanceof Error) return serialize(value, 0);
  if (value instanceof URL) return redactUrl(value.href);
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  return value;
}

// Errors as they appear in the log: what went wrong and why, never what was sent or received with it.
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
  /** Of an AggregateError, for example one per address that was dialled. */
  readonly errors?: readonly unknown[];
}

const maxCauses = 6;

/**
 * Type, message, `code`, a CacheError's `kind` and `detail`, the stack where it helps, and the chain of causes.
 * Other properties (bodies, headers, requests) are left out. A value that is no Error comes back redacted.
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

/** A CacheError is thrown on purpose and its sentence says enough; anything else in its place is a bug to be found. */
function needsStack(value: Error, depth: number): boolean {
  return depth === 0 && value.stack !== undefined && !(value instanceof CacheError);
}

/** For `redactFields`: what stands for an instance of a class in the log. */
export function replaceInstance(value: object): unknown {
  if (value instanceof Error) return serialize(value, 0);
  if (value instanceof URL) return redactUrl(value.href);
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  return value;
}

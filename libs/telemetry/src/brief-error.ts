// Shows the error of an outage: its message and code, without the stack of a library.
import { redactText } from './redact.ts';

export interface BriefError {
  readonly message: string;
  readonly code?: string;
}

/** Returns the message of an error, that of its first cause if it has one, and the code of the innermost error. */
export function briefError(error: unknown): BriefError {
  if (!(error instanceof Error)) return { message: redactText(String(error)) };
  const { message, cause } = error;
  const code = codeOf(error) ?? codeOf(cause);
  return { message: redactText(message), ...(code !== undefined && { code }) };
}

function codeOf(error: unknown): string | undefined {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  return typeof code === 'string' ? code : undefined;
}

// Keys in the index that depend on a caller's credentials. Without the secret a reader of the index cannot try passwords on them.
import { createHmac } from 'node:crypto';
import type { CallerCredentials } from '@cistern/upstream';

/** `parts` say what the key is for, and keep it apart from all others. */
export function callerKey(
  secret: string,
  upstream: string,
  parts: readonly string[],
  caller: CallerCredentials,
): string {
  const text = JSON.stringify([...parts, ...credentialsOf(caller)]);
  return `access/${encodeURIComponent(upstream)}/${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

function credentialsOf(caller: CallerCredentials): readonly string[] {
  if (caller.kind === 'password') return [caller.kind, caller.username, caller.password];
  return caller.kind === 'token' ? [caller.kind, caller.token] : [caller.kind];
}

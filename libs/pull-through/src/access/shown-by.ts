import type { CallerCredentials } from '@cistern/upstream';

/** Secret: for keyed hashes alone. */
export function shownBy(caller: CallerCredentials): readonly string[] {
  if (caller.kind === 'password') return [caller.kind, caller.username, caller.password];
  return caller.kind === 'token' ? [caller.kind, caller.token] : [caller.kind];
}

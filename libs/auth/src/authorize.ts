// The one place that decides who may pull what.
import { posix } from 'node:path';
import type { Identity } from './identity.ts';

export interface Wish {
  readonly upstream: string;
  /** Within the upstream. */
  readonly repository: string;
}

/** `why`: a clause for the log. A client hears only that it may not. */
export type Decision = { readonly isAllowed: true } | { readonly isAllowed: false; readonly why: string };

const allowed: Decision = Object.freeze({ isAllowed: true });

/** Without looking at what there is: a denial says nothing of it. */
export function authorize({ grants }: Identity, { upstream, repository }: Wish): Decision {
  if (grants === undefined) return allowed;
  const name = `${upstream}/${repository}`;
  if (grants.some((pattern) => posix.matchesGlob(name, pattern))) return allowed;
  return { isAllowed: false, why: `its grants do not have ${name}` };
}

// The callers of the private repository. Its upstream decides which of them may read it, and may change its decision.
import type { Account } from '@cistern/fake-upstream';
import { createTimeline } from './timeline.ts';

export const cacheAccount = { username: 'cistern', password: 'of-the-cache' };

export interface Callers {
  readonly accounts: readonly Account[];
  /** `name:password`; `undefined` means an anonymous caller. */
  readonly names: readonly (string | undefined)[];
  /** Grants access to `sometimes`, or revokes it. */
  change(isAdmitted: boolean): void;
  /** Reports whether the upstream would have authorized the caller at any time between `fromMs` and `toMs`. */
  mayRead(caller: string | undefined, fromMs: number, toMs: number): boolean;
  mayBeRefused(caller: string | undefined, fromMs: number, toMs: number): boolean;
}

/**
 * The upstream always authorizes `always` and never authorizes `never`. It authorizes `sometimes` until `change`
 * revokes it.
 */
export function createCallers(repository: string): Callers {
  const changing = [repository];
  const { change, within } = createTimeline();
  return {
    accounts: [
      cacheAccount,
      { username: 'always', password: 'a', repositories: [repository] },
      { username: 'never', password: 'n', repositories: [] },
      { username: 'sometimes', password: 's', repositories: changing },
    ],
    names: ['always:a', 'always:a', 'sometimes:s', 'sometimes:s', 'never:n', 'unknown:u', undefined],
    change(isAdmitted) {
      changing.splice(0, changing.length, ...(isAdmitted ? [repository] : []));
      change(isAdmitted);
    },
    mayRead: (caller, fromMs, toMs) =>
      caller === 'always:a' || (caller === 'sometimes:s' && within(true, fromMs, toMs)),
    mayBeRefused: (caller, fromMs, toMs) =>
      caller !== 'always:a' && (caller !== 'sometimes:s' || within(false, fromMs, toMs)),
  };
}

// How the record of a fill ends that nobody read any more. It has not failed: whoever comes next starts another.
import type { FillRecord } from '@cistern/cache-index';

/** Nodes of other releases compare the message, so it never changes. */
export const leftFill = { kind: 'overloaded', message: 'Nobody read this blob any more.' } as const;

export function isLeftFill({ failure }: FillRecord): boolean {
  return failure?.message === leftFill.message;
}

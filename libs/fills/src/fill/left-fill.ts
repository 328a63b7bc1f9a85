// How the record of a fill ends that has lost its last reader. It has not failed: the next client starts another.
import type { FillRecord } from '@cistern/index';

/** Nodes of other releases compare the message, so it never changes. */
export const leftFill = { kind: 'overloaded', message: 'Nobody read this blob any more.' } as const;

export function isLeftFill({ failure }: FillRecord): boolean {
  return failure?.message === leftFill.message;
}

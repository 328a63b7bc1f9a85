// Whether a tag is still as somebody has read it. Every confirmation changes one of these, and nothing else does.
import type { TagRecord } from './tags.ts';

export function isSameConfirmation(one: TagRecord | undefined, other: TagRecord | undefined): boolean {
  return one?.sequence === other?.sequence && one?.checkedAtMs === other?.checkedAtMs;
}

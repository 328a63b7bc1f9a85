import type { Digest } from '@cistern/oci';

/** Announced after every change of a fill's record. */
export function fillTopic(digest: Digest): string {
  return `fill/${digest}`;
}

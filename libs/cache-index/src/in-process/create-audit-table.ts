// What happened of late in a single process: it ends with it.
import { type AuditIndex, type AuditWord, maxAuditEntries } from '../audit.ts';
import type { InProcessOptions } from './in-process-options.ts';

export function createAuditTable({ checkAvailable }: Pick<InProcessOptions, 'checkAvailable'>): AuditIndex {
  const words = { action: [] as AuditWord[], refusal: [] as AuditWord[] };
  let sequence = 0;
  return {
    async add(kind, entries) {
      checkAvailable();
      for (const entry of entries) words[kind].push({ sequence: (sequence += 1), kind, entry });
      words[kind].splice(0, words[kind].length - maxAuditEntries);
    },
    async list({ limit, before = Infinity, kind }) {
      checkAvailable();
      const found = kind === undefined ? [...words.action, ...words.refusal] : words[kind];
      return found
        .filter((word) => word.sequence < before)
        .toSorted((one, other) => other.sequence - one.sequence)
        .slice(0, limit);
    },
  };
}

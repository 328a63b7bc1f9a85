// Audit entries in Redis. Each kind has a stream of limited length. One counter numbers the entries of both kinds.
import { type AuditIndex, type AuditKind, auditKinds, type AuditEntry, maxAuditEntries } from '../audit.ts';
import type { RedisParts } from './redis-parts.ts';

export function createRedisAudit({ calls, keys }: RedisParts): AuditIndex {
  const { sequence, entries: streamOf } = keys.audit;

  async function listOf(kind: AuditKind, limit: number, before: number | undefined): Promise<AuditEntry[]> {
    // The ID of an entry is `<sequence>-1`, so the range ends before the entry `before`.
    const end = before === undefined ? '+' : `${before}-0`;
    const found = await calls.command((client) => client.xrevrange(streamOf(kind), end, '-', 'COUNT', limit));
    return found.map(([id, fields]) => ({ sequence: Number.parseInt(id, 10), kind, entry: fields[1] ?? '' }));
  }

  return {
    async add(kind, entries) {
      if (entries.length > 0) await calls.run('add-audit', [sequence, streamOf(kind)], [maxAuditEntries, ...entries]);
    },
    async list({ limit, before, kind }) {
      // Redis returns null, not an empty list, for a count of 0.
      if (limit === 0) return [];
      const kinds = kind === undefined ? auditKinds : [kind];
      const found = await Promise.all(kinds.map((one) => listOf(one, limit, before)));
      return found
        .flat()
        .toSorted((one, other) => other.sequence - one.sequence)
        .slice(0, limit);
    },
  };
}

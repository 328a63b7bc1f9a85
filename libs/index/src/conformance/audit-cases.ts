// Cases of the audit: entries are listed newest first, page by page, and each kind has its own limit.
import assert from 'node:assert/strict';
import { type AuditEntry, maxAuditEntries } from '../audit.ts';
import type { CacheIndexCases } from './index-under-test.ts';

const entriesOf = (entries: readonly AuditEntry[]) => entries.map(({ kind, entry }) => `${kind} ${entry}`);

export const auditCases: CacheIndexCases = {
  async 'entries are listed newest first, page by page, of all kinds or one'({ index: { audit } }) {
    assert.deepEqual(await audit.list({ limit: 10 }), []);
    await audit.add('action', ['1', '{"text":"2\\n\u00e9"}']);
    await audit.add('refusal', ['3']);
    await audit.add('refusal', []);
    await audit.add('action', ['4']);
    assert.deepEqual(entriesOf(await audit.list({ limit: 10 })), [
      'action 4',
      'refusal 3',
      'action {"text":"2\\n\u00e9"}',
      'action 1',
    ]);
    assert.deepEqual(entriesOf(await audit.list({ limit: 10, kind: 'refusal' })), ['refusal 3']);
    assert.deepEqual(await audit.list({ limit: 0 }), []);
    const first = await audit.list({ limit: 2 });
    assert.deepEqual(entriesOf(first), ['action 4', 'refusal 3']);
    const second = await audit.list({ limit: 2, before: first.at(-1)?.sequence });
    assert.deepEqual(entriesOf(second), ['action {"text":"2\\n\u00e9"}', 'action 1']);
    assert.deepEqual(await audit.list({ limit: 2, before: second.at(-1)?.sequence }), []);
    assert.deepEqual(entriesOf(await audit.list({ limit: 1, kind: 'action', before: first[0]?.sequence })), [
      'action {"text":"2\\n\u00e9"}',
    ]);
  },

  async 'only the newest entries of a kind are kept, and many refusals remove no action'({ index: { audit } }) {
    await audit.add('action', ['done']);
    const refusals = Array.from({ length: maxAuditEntries + 10 }, (_, count) => String(count));
    for (let start = 0; start < refusals.length; start += 500)
      await audit.add('refusal', refusals.slice(start, start + 500));
    const kept = await audit.list({ limit: 2 * maxAuditEntries });
    assert.equal(kept.length, maxAuditEntries + 1);
    assert.deepEqual(entriesOf(kept.slice(0, 1)), [`refusal ${maxAuditEntries + 9}`]);
    assert.deepEqual(entriesOf(kept.slice(-2)), ['refusal 10', 'action done']);
  },
};

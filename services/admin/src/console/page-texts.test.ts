import assert from 'node:assert/strict';
import { test } from 'node:test';

interface PageTexts {
  sentenceOf(entry: object): { readonly object: string };
  reasonAgainst(live: object, parts: readonly string[]): string | undefined;
  viewNotice(live: object): string | undefined;
}

/** The modules of the page are JavaScript for browsers. */
async function importPage(path: string): Promise<PageTexts> {
  return (await import(import.meta.resolve(path))) as PageTexts;
}

const { sentenceOf } = await importPage('./page/pages/audit-sentence.js');
const { reasonAgainst, viewNotice } = await importPage('./page/well.js');

const entry = { event: 'asked', user: null, what: 'POST /v1/purge', status: 415 } as const;

test('a rejected action whose object is missing or no text is described by its request', () => {
  for (const about of [null, '{}', '{"image":7}', '{"image":"nginx'])
    assert.equal(sentenceOf({ ...entry, about }).object, 'POST /v1/purge', String(about));
});

test('a full store does not prevent the actions that free space', () => {
  const problem = { kind: 'store-full', part: 'store', severity: 'critical', node: null, subject: null };
  const live = (kind: string, node: string | null = null) => ({
    connection: 'live',
    me: { operator: 'ada', mayAct: true, reason: null },
    overview: { parts: {}, problems: [{ ...problem, kind, node, reason: 'No server listens.' }] },
  });
  assert.equal(reasonAgainst(live('store-full'), ['store']), undefined);
  assert.equal(reasonAgainst(live('store-unavailable', 'worker-1'), ['store']), undefined);
  assert.match(reasonAgainst(live('store-unavailable'), ['store']) ?? '', /No server listens/);
});

const viewedAt = (asOf: number | null, isCurrent = false) => ({
  connection: 'live',
  overview: { view: { asOf, isCurrent } },
  overviewAt: Date.UTC(2030, 0, 2),
});

test('a view that is not current says its time, or that there is none', () => {
  assert.equal(viewNotice(viewedAt(1, true)), undefined);
  assert.match(viewNotice(viewedAt(Date.UTC(2030, 0, 1))) ?? '', /^The index is unavailable\. .* state of .*2030/);
  assert.equal(viewNotice(viewedAt(null)), 'The index is unavailable. Nothing is known yet.');
  assert.match(
    viewNotice({ ...viewedAt(1, true), connection: 'lost' }) ?? '',
    /^The connection to the cache is lost\. /,
  );
  const failing = { ...viewedAt(1, true), unavailable: 'The answer failed.' };
  assert.match(viewNotice(failing) ?? '', /^The answer failed\. /);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMetrics } from '../metrics/create-metrics.ts';
import { auditRequest, createRequestFacts, type RequestFacts } from '../request-facts.ts';
import { createRecentAudit, parseRecentEntry } from './create-recent-audit.ts';

function open({ isUnavailable = false } = {}) {
  const kept: { readonly kind: string; readonly text: string }[] = [];
  const metrics = createMetrics();
  const clock = { ms: 1000 };
  const audit = createRecentAudit({
    node: 'cache-1:5000',
    metrics,
    now: () => clock.ms,
    async keep(kind, entries) {
      if (isUnavailable) throw new Error('unavailable');
      kept.push(...entries.map((text) => ({ kind, text })));
    },
  });
  const entries = () => kept.map(({ text }) => parseRecentEntry(text));
  const dropped = async () => {
    const { values } = await metrics.auditEntriesDropped.get();
    return Object.fromEntries(values.map(({ labels, value }) => [labels.reason, value]));
  };
  return { audit, kept, entries, dropped, clock };
}

const pull = (facts: Partial<RequestFacts>) =>
  createRequestFacts({ operation: 'manifest', status: 200, clientIp: '192.0.2.1', ...facts });

test('rejected requests and actions are kept without secrets, and pulls are not kept', async () => {
  const { audit, kept, entries } = open();
  auditRequest(audit, pull({ url: '/v2/a/manifests/1' }));
  auditRequest(audit, pull({ operation: 'token', url: '/token' }));
  auditRequest(audit, pull({ status: 401 }));
  auditRequest(
    audit,
    pull({ status: 403, user: 'ada', url: '/v2/a/manifests/1?token=hush', denied: 'rule 1 denies a' }),
  );
  auditRequest(audit, pull({ status: 503, errorKind: 'client-rate-limited', url: '/v2/' }));
  audit.action({
    by: 'bob',
    address: '::1',
    command: 'POST /v1/purge?signature=hush',
    parameters: { image: 'a' },
    status: 200,
  });
  audit.action({ by: '192.0.2.9', command: 'GET /v1/nodes', status: 429 });
  await audit.close();
  const node = 'cache-1:5000';
  assert.deepEqual(
    kept.map(({ kind }) => kind),
    ['action', 'refusal', 'refusal', 'refusal'],
  );
  assert.deepEqual(entries()[0], {
    at: 1000,
    event: 'asked',
    node,
    user: 'bob',
    address: '::1',
    what: 'POST /v1/purge',
    about: '{"image":"a"}',
    status: 200,
  });
  assert.deepEqual(entries()[1], {
    at: 1000,
    event: 'denied',
    node,
    user: 'ada',
    address: '192.0.2.1',
    what: 'GET /v2/a/manifests/1',
    about: 'rule 1 denies a',
    status: 403,
  });
  assert.deepEqual(
    entries().map((entry) => entry?.event),
    ['asked', 'denied', 'limited', 'limited'],
  );
  assert.doesNotMatch(JSON.stringify(kept), /hush/);
});

test('an entry is bounded in size for every request', async () => {
  const { audit, kept, entries } = open();
  const long = '\u{1F433}'.repeat(50_000);
  audit.action({ by: long, address: long, command: long, parameters: { long }, status: 400 });
  auditRequest(audit, pull({ status: 403, user: long, url: `/v2/${long}`, denied: long, clientIp: long }));
  await audit.close();
  assert.equal(kept.length, 2);
  for (const { text } of kept) assert.ok(Buffer.byteLength(text) < 8192, String(Buffer.byteLength(text)));
  assert.ok(entries().every((entry) => entry?.what.endsWith('…') && entry.what.isWellFormed()));
});

test('a flood of refusals is limited and counted, and actions of operators are still kept', async () => {
  const { audit, kept, dropped, clock } = open();
  for (let count = 0; count < 1000; count += 1) auditRequest(audit, pull({ status: 403 }));
  audit.action({ by: 'ada', command: 'POST /v1/pins', status: 200 });
  clock.ms += 2000;
  for (let count = 0; count < 1000; count += 1) auditRequest(audit, pull({ status: 403 }));
  await audit.close();
  assert.equal(kept.filter(({ kind }) => kind === 'refusal').length, 60);
  assert.equal(kept.filter(({ kind }) => kind === 'action').length, 1);
  assert.deepEqual(await dropped(), { rate: 1940, index: 0 });
});

test('if the index is unavailable, entries are lost and counted, and nothing fails', async () => {
  const { audit, dropped } = open({ isUnavailable: true });
  for (let count = 0; count < 150; count += 1) audit.action({ by: 'ada', command: 'POST /v1/pins', status: 200 });
  await audit.close();
  assert.deepEqual(await dropped(), { rate: 0, index: 150 });
});

test('an entry with another schema is skipped', () => {
  for (const text of ['', '{"schema":2}', 'null', '[]']) assert.equal(parseRecentEntry(text), undefined);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { auditRequest, createRequestFacts, type RequestFacts } from '../request-facts.ts';
import { createAuditLog } from './create-audit-log.ts';

function openLog() {
  const lines: Record<string, unknown>[] = [];
  const write = (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>);
  return { lines, log: createAuditLog({ write, now: () => 0 }) };
}

const pull = (facts: Partial<RequestFacts>) =>
  createRequestFacts({ operation: 'blob', status: 200, upstream: 'docker.io', clientIp: '192.0.2.1', ...facts });

test('the audit log records rejected requests with the reason and without secrets', () => {
  const { lines, log } = openLog();
  auditRequest(log, pull({ status: 403, user: 'ada', repository: 'library/a', denied: 'rule 1 denies it' }));
  auditRequest(
    log,
    pull({ status: 401, upstream: undefined, denied: 'the password is wrong', url: '/v2/?token=abc123abc123' }),
  );
  auditRequest(log, pull({ status: 401, upstream: undefined }));
  auditRequest(log, pull({ status: 503, errorKind: 'client-rate-limited', user: 'bob' }));
  auditRequest(log, pull({ operation: 'token', upstream: undefined, user: 'ci', labels: { project: 'a/b' } }));
  assert.deepEqual(
    lines.map(({ event, user, why }) => [event, user, why]),
    [
      ['denied', 'ada', 'rule 1 denies it'],
      ['refused', undefined, 'the password is wrong'],
      ['limited', 'bob', undefined],
      ['token-given', 'ci', undefined],
    ],
  );
  assert.equal(lines[0]?.['time'], '1970-01-01T00:00:00.000Z');
  assert.deepEqual(lines[3]?.['labels'], { project: 'a/b' });
  assert.ok(!JSON.stringify(lines).includes('abc123'));
  log.close();
});

test('the usage of clients is summed by user or address, and by upstream', () => {
  const { lines, log } = openLog();
  auditRequest(log, pull({ user: 'ada', bytesSent: 100, cache: 'MISS' }));
  auditRequest(log, pull({ user: 'ada', bytesSent: 50, cache: 'HIT', clientIp: '192.0.2.2' }));
  auditRequest(log, pull({ user: 'ada', bytesSent: 7, upstream: 'quay.io' }));
  auditRequest(log, pull({ bytesSent: 1 }));
  auditRequest(log, pull({ user: 'ada', status: 404, bytesSent: 1000 }));
  assert.deepEqual(lines, []);
  log.close();
  const rows = lines.map(({ event, user, address, upstream, requests, bytes, misses }) => [
    event,
    user ?? address,
    upstream,
    requests,
    bytes,
    misses,
  ]);
  assert.deepEqual(rows, [
    ['usage', 'ada', 'docker.io', 2, 150, 1],
    ['usage', 'ada', 'quay.io', 1, 7, 0],
    ['usage', '192.0.2.1', 'docker.io', 1, 1, 0],
  ]);
});

test('usage entries beyond the maximum are written early, and none is lost', () => {
  const { lines, log } = openLog();
  for (let count = 0; count < 10_001; count += 1) auditRequest(log, pull({ user: `user-${count}` }));
  assert.equal(lines.length, 10_000);
  log.close();
  assert.equal(lines.length, 10_001);
});

test('the audit log records actions of operators', () => {
  const { lines, log } = openLog();
  log.action({ by: 'operator', command: 'POST /v1/prewarm', parameters: { image: 'a' }, status: 200 });
  const time = '1970-01-01T00:00:00.000Z';
  assert.deepEqual(lines, [
    { time, event: 'asked', by: 'operator', what: 'POST /v1/prewarm', wish: { image: 'a' }, status: 200 },
  ]);
  log.close();
});

import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { createLogger, type LoggerOptions } from './logger.ts';
import { createRequestFacts, type RequestFacts } from './request-facts.ts';
import { createRequestLog, type RequestLogOptions } from './request-log.ts';

const tag: Partial<RequestFacts> = {
  operation: 'manifest',
  url: '/v2/library/alpine/manifests/3.20?ns=docker.io',
  clientIp: '10.0.3.7',
  userAgent: 'containerd/2.2',
  requestId: 'this-request',
  upstream: 'docker.io',
  repository: 'library/alpine',
  reference: '3.20',
  cache: 'HIT',
  status: 200,
  bytesSent: 3_400_000,
  durationMs: 12.345,
};
const blob: Partial<RequestFacts> = { ...tag, operation: 'blob', reference: `sha256:${'0123456789abcdef'.repeat(4)}` };

function open(t: TestContext, options: Partial<LoggerOptions> & RequestLogOptions = {}) {
  t.mock.timers.enable({ apis: ['Date'], now: new Date(2026, 6, 5, 23, 35, 8, 7) });
  const lines: string[] = [];
  const log = createLogger({
    level: 'info',
    formatter: 'text',
    ...options,
    destination: { write: (line) => void lines.push(line) },
  });
  const write = createRequestLog(log, options);
  return {
    log,
    lines,
    write(facts: Partial<RequestFacts>, level: 'info' | 'warn' | 'error' = 'info', failure?: unknown): string {
      write(createRequestFacts(facts), level, failure);
      return lines.at(-1)?.trimEnd() ?? '';
    },
  };
}

test('a request is one short line for people', (t) => {
  const { write, lines } = open(t);
  assert.equal(write(tag), '23:35:08 docker.io/library/alpine:3.20 HIT 3.4 MB 12 ms 10.0.3.7');
  assert.equal(
    write({ ...blob, cache: 'MISS' }),
    '23:35:08 docker.io/library/alpine@sha256:0123456789ab MISS 3.4 MB 12 ms 10.0.3.7',
  );
  assert.equal(
    write({ ...tag, method: 'HEAD', bytesSent: 0, user: 'ada', durationMs: 0.3456 }),
    '23:35:08 docker.io/library/alpine:3.20 HIT 0 B 0.35 ms 10.0.3.7 method=HEAD user=ada',
  );
  assert.equal(
    write({ ...tag, operation: 'tags', reference: undefined, cache: 'STALE', bytesSent: 950, durationMs: 1234 }),
    '23:35:08 docker.io/library/alpine tags STALE 950 B 1.2 s 10.0.3.7',
  );
  assert.equal(
    write({ operation: 'ping', status: 401, bytesSent: 87, clientIp: '10.0.3.7', errorKind: 'unauthenticated' }),
    '23:35:08 /v2/ 401 87 B 0 ms 10.0.3.7',
  );
  assert.equal(lines.length, 5);
});

test('a failed request has the facts that explain it', (t) => {
  const { write } = open(t);
  const line = write(
    { ...tag, status: 502, cache: undefined, errorKind: 'upstream-refused-us', bytesSent: 96 },
    'error',
    new Error('no'),
  );
  assert.match(
    line,
    /^23:35:08 ERROR docker\.io\/library\/alpine:3\.20 502 upstream-refused-us 96 B 12 ms 10\.0\.3\.7 url=\S+ requestId=this-request protocol=HTTP\/1\.1 userAgent=containerd\/2\.2 err=no\n {4}at /,
  );
  assert.match(write({ ...tag, status: 403, denied: 'no rule' }), / 403 3\.4 MB .* denied="no rule" url=/);
  assert.match(write({ operation: 'other', url: '/nope', status: 404 }), /^23:35:08 \/nope 404 0 B 0 ms - protocol=/);
  assert.match(
    write({ operation: 'other', url: '/v2/nope?token=s3cr3t', status: 404 }),
    /^23:35:08 \/v2\/nope 404 .*\[redacted\]/,
  );
});

test('a JSON line has at most 300 bytes for names of up to 40 characters', (t) => {
  const { write, lines } = open(t, { formatter: 'json' });
  const repository = `library/${'n'.repeat(32)}`;
  const long = { repository, clientIp: '100.100.100.100', user: 'ada', durationMs: 12_345, bytesSent: 9_999_999_999 };
  for (const cache of ['HIT', 'MISS', 'JOINED'] as const) write({ ...blob, ...long, cache });
  for (const cache of ['HIT', 'MISS', 'STALE', 'REVALIDATED'] as const) write({ ...tag, ...long, cache });
  // A response to HEAD has no body, and follows no fill.
  const head = { ...long, method: 'HEAD', bytesSent: 0, durationMs: 12 };
  for (const cache of ['HIT', 'MISS'] as const) for (const facts of [blob, tag]) write({ ...facts, ...head, cache });
  assert.equal(lines.length, 11);
  for (const line of lines) assert.ok(Buffer.byteLength(line.trimEnd()) <= 300, `${line.length} ${line}`);
});

test('a JSON line has the facts of a success, and those that explain a failure', (t) => {
  const { write } = open(t, { formatter: 'json', fields: { service: 'registry' } });
  const { time, ...facts } = JSON.parse(write({ ...blob, user: 'ada', redirected: true })) as Record<string, unknown>;
  assert.equal(time, new Date().toISOString());
  assert.deepEqual(facts, {
    level: 'info',
    service: 'registry',
    operation: 'blob',
    upstream: 'docker.io',
    repository: 'library/alpine',
    reference: 'sha256:0123456789ab',
    cache: 'HIT',
    redirected: true,
    status: 200,
    bytes: 3_400_000,
    ms: 12,
    client: '10.0.3.7',
    user: 'ada',
    msg: 'request',
  });
  const failed = JSON.parse(write({ ...tag, status: 404, errorKind: 'manifest-unknown' })) as Record<string, unknown>;
  assert.deepEqual(
    [failed['errorKind'], failed['url'], failed['requestId'], failed['userAgent']],
    ['manifest-unknown', tag.url, 'this-request', 'containerd/2.2'],
  );
});

test('at level debug every request has all facts, and above info there are no successes', (t) => {
  assert.match(open(t, { level: 'debug' }).write(tag), / requestId=this-request /);
  t.mock.timers.reset();
  assert.equal(open(t, { level: 'warn' }).write(tag), '');
});

test('a change of the level applies to requests', (t) => {
  const { log, write, lines } = open(t);
  log.level = 'warn';
  write(tag);
  assert.deepEqual(lines, []);
});

for (const formatter of ['text', 'json'] as const)
  test(`claims of a CI job are logged with each request, without secrets (${formatter})`, (t) => {
    const line = open(t, { formatter }).write({ ...tag, labels: { project: 'Köln', token: 's3cr3t' } });
    assert.match(line, /Köln/);
    assert.doesNotMatch(line, /s3cr3t/);
  });

test('names that clients send cannot add lines or control a terminal', (t) => {
  const { write } = open(t);
  for (const text of ['a\nb', 'a\u001b[31m', 'a\u009bb', 'a b="c'])
    for (const facts of [
      { ...tag, user: text },
      { ...tag, reference: text, status: 404, userAgent: text, url: text },
    ])
      assert.doesNotMatch(write(facts), /\p{Cc}/u);
});

test('with the combined log format a success has no second line, and a failure for the operator has one', (t) => {
  const access: string[] = [];
  const { write, lines } = open(t, { accessLog: (line) => access.push(line) });
  write(tag);
  write({ ...tag, status: 404 });
  assert.deepEqual([access.length, lines.length], [2, 0]);
  write({ ...tag, status: 503, errorKind: 'index-unavailable' }, 'error', new Error('no'));
  assert.deepEqual([access.length, lines.length], [3, 1]);
  assert.match(access[0] ?? '', /^10\.0\.3\.7 - - \[.*\] "GET .* HTTP\/1\.1" 200 3400000 "" "containerd\/2\.2"$/);
});

test('a sample of the hits is evenly distributed and says its share, and all other requests are written', (t) => {
  const { write, lines } = open(t, { hitsPercent: 2 });
  for (let i = 0; i < 200; i += 1) write(tag);
  assert.equal(lines.length, 4);
  for (const line of lines) assert.match(line, / hits=2%$/m);
  for (const cache of ['MISS', 'JOINED', 'STALE', 'REVALIDATED'] as const) write({ ...tag, cache });
  write({ ...tag, status: 404 });
  write({ ...tag, aborted: true });
  assert.equal(lines.length, 10);
  assert.doesNotMatch(lines.slice(4).join(''), /hits=/);
});

test('hits can be left out, also of the combined log format', (t) => {
  const access: string[] = [];
  const { write, lines } = open(t, { hitsPercent: 0, accessLog: (line) => access.push(line) });
  for (let i = 0; i < 200; i += 1) write(tag);
  write({ ...tag, cache: 'MISS' });
  assert.deepEqual([access.length, lines.length], [1, 0]);
});

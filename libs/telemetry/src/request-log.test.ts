import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLogger } from './logger.ts';
import { createRequestFacts, type RequestFacts } from './request-facts.ts';
import { createRequestLog } from './request-log.ts';
import { bothLines } from './testing/both-lines.ts';

const samples: readonly Partial<RequestFacts>[] = [
  {},
  { url: '/v2/?token=s3cr3t' },
  { userAgent: 'docker/26.1 "quoted" \\ \n', referer: 'http://me:s3cr3t@host/?token=s3cr3t' },
  { url: '/v2/?X-Amz-Signature=s3cr3t&ns=docker.io', userAgent: 'curl Bearer s3cr3t-t0ken', status: 200 },
  { user: 'ci', labels: { token: 's3cr3t', project: 'Köln', name: 'x' }, denied: 'basic s3cr3t-s3cr3t', bytesSent: 7 },
  { cache: 'HIT', durationMs: 0.25, timeToFirstByteMs: Number.NaN, traceId: undefined, redirected: true },
];

for (const formatter of ['json', 'text'] as const)
  test(`writes what the logger would (${formatter})`, () => {
    for (const fields of [{}, { service: 'registry', password: 's3cr3t' }, { hostname: 'here' }])
      for (const sample of samples) {
        const facts = createRequestFacts({ ...sample, startedAtMs: 1 });
        const [general, short] = bothLines(facts, { formatter, fields });
        assert.equal(short, general);
        assert.doesNotMatch(short ?? '', /s3cr3t/);
      }
  });

test('keeps quiet above its level, and tells the time of each line', (t) => {
  assert.deepEqual(bothLines(createRequestFacts(), { level: 'warn' }), []);
  t.mock.timers.enable({ apis: ['Date'], now: 1_700_000_000_007 });
  const lines: string[] = [];
  const log = createLogger({
    level: 'info',
    formatter: 'json',
    destination: { write: (line) => void lines.push(line) },
  });
  const logRequest = createRequestLog(log);
  for (const passed of [0, 90, 900, 3]) {
    t.mock.timers.tick(passed);
    logRequest(createRequestFacts());
    assert.ok(lines.at(-1)?.includes(`"time":"${new Date().toISOString()}"`));
  }
});

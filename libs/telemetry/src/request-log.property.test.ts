import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createLogger } from './logger.ts';
import { createRequestFacts } from './request-facts.ts';
import { createRequestLog } from './request-log.ts';

const secret = 'Bearer s3cr3t-t0ken';

for (const formatter of ['json', 'text'] as const)
  test(`arbitrary text from clients is one line without control characters and secrets (${formatter})`, () => {
    const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string(), fc.constant(secret));
    const lines: string[] = [];
    const log = createLogger({ level: 'info', formatter, destination: { write: (line) => void lines.push(line) } });
    const write = createRequestLog(log);
    fc.assert(
      fc.property(text, text, text, text, fc.constantFrom(200, 404), (url, userAgent, referer, user, status) => {
        const name = user === secret ? undefined : user;
        write(createRequestFacts({ url, userAgent, referer, user: name, status }), 'info');
        const line = lines.pop() ?? '';
        assert.match(line, /^[^\n]+\n$/);
        if (formatter === 'json') assert.equal((JSON.parse(line) as { user?: unknown }).user, name);
        else assert.doesNotMatch(line.slice(0, -1), /\p{Cc}/u);
        assert.doesNotMatch(line, /s3cr3t/);
      }),
      { numRuns: 300 },
    );
  });

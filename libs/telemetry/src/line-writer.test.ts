import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CacheError } from '@cistern/errors';
import { createLogger, type Logger } from './logger.ts';
import { createTextFormat } from './text-format.ts';

function linesOf(write: (log: Logger) => void): string[] {
  const lines: string[] = [];
  write(createLogger({ level: 'debug', formatter: 'text', destination: { write: (line) => void lines.push(line) } }));
  return lines.map((line) => line.replace(/^\d\d:\d\d:\d\d /, ''));
}

test('a line for people has the level unless it is info, the message, and the fields', () => {
  assert.deepEqual(
    linesOf((log) => {
      log.info({ version: '1.0', url: 'http://localhost:5000', upstreams: ['docker.io', 'quay.io'] }, 'listening');
      log.warn(
        { key: 'storage.minfree', warning: 'has no effect: "x"', count: 7, isComplete: false },
        'configuration warning',
      );
      log.debug('plain');
      log.child({ upstream: 'docker.io' }).error('child');
      log.info({ nothing: undefined, empty: '', list: [{ a: 1 }] }, 'a\nb');
    }),
    [
      'listening version=1.0 url=http://localhost:5000 upstreams=["docker.io","quay.io"]\n',
      'WARN configuration warning key=storage.minfree warning="has no effect: \\"x\\"" count=7 isComplete=false\n',
      'DEBUG plain\n',
      'ERROR child upstream=docker.io\n',
      'a\\nb list=[{"a":1}]\n',
    ],
  );
});

test('an error is shown by its message, kind, code and causes, and an unexpected one with its stack', () => {
  const cause = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
  const [expected, unexpected] = linesOf((log) => {
    log.warn({ err: new CacheError('upstream-unreachable', 'It is down.', { cause }) }, 'no');
    log.error({ err: Object.assign(new TypeError('a bug'), { code: 'E_BUG' }) }, 'no');
  });
  assert.equal(expected, 'WARN no err="It is down." kind=upstream-unreachable cause="connect ECONNREFUSED"\n');
  assert.match(unexpected ?? '', /^ERROR no err="a bug" code=E_BUG\n {4}at [^\n]+line-writer\.test\.ts/);
});

test('the text format passes through lines that are not from the logger', () => {
  for (const line of ['', '\n', 'text\n', '{"level":"info"}\n']) assert.equal(createTextFormat().line(line), line);
});

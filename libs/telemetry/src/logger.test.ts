import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CacheError } from '@cistern/errors';
import { createLogger, type LoggerOptions } from './logger.ts';

function capture(options: Partial<LoggerOptions> = {}) {
  const lines: string[] = [];
  const log = createLogger({
    level: 'info',
    formatter: 'json',
    ...options,
    destination: { write: (line) => void lines.push(line) },
  });
  return { log, lines, last: () => JSON.parse(lines.at(-1) ?? '') as Record<string, unknown> };
}

test('the logger writes a JSON object per line with the configured fields, the level name and the ISO time', () => {
  const { log, lines, last } = capture({ fields: { service: 'registry', environment: 'staging' } });
  log.info({ upstream: 'docker.io' }, 'request');
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? '', /\}\n$/);
  const { time, ...line } = last();
  assert.deepEqual(line, {
    level: 'info',
    service: 'registry',
    environment: 'staging',
    upstream: 'docker.io',
    msg: 'request',
  });
  assert.ok(!Number.isNaN(Date.parse(String(time))));
});

test('the logger writes no lines below its level', () => {
  const { log, lines } = capture({ level: 'warn' });
  log.info('no');
  log.warn('yes');
  assert.equal(lines.length, 1);
});

test('the formatter logstash writes JSON', () => {
  const { log, last } = capture({ formatter: 'logstash' });
  log.info('request');
  assert.equal(last()['msg'], 'request');
});

test('the formatter text writes readable lines without colours', () => {
  const { log, lines } = capture({ formatter: 'text', fields: { service: 'registry' } });
  log.warn({ password: 'hunter2', repository: 'library/nginx' }, 'upstream is slow');
  assert.match(lines.join(''), /WARN upstream is slow .*library\/nginx/);
  assert.doesNotMatch(lines.join(''), /hunter2/);
});

class Wrapper {
  readonly headers = { authorization: 'Basic aHVudGVyMjpodW50ZXIy' };
  readonly token = 'hunter2';
}

for (const formatter of ['json', 'text'] as const)
  test(`the logger redacts secrets in fields, children, messages, errors and instances of classes (${formatter})`, () => {
    const { log, lines } = capture({ formatter, fields: { password: 'hunter2' } });
    const child = log.child({ token: 'hunter2' }).child({ headers: { 'Proxy-Authorization': 'hunter2' } });
    child.setBindings({ plain: true });
    child.info({
      request: {
        headers: { authorization: 'hunter2', cookie: ['hunter2'] },
        deep: [{ deeper: { secretKey: 'hunter2' } }],
      },
    });
    child.info({ wrapper: new Wrapper(), list: [new Wrapper()] });
    child.info({ url: '/v2/?sig=hunter2', location: new URL('https://hunter2:hunter2@host/?X-Amz-Signature=hunter2') });
    child.info('asked %s', 'https://hunter2@host/?token=hunter2');
    const inner = Object.assign(new Error('GET https://host/?sig=hunter2 failed'), {
      code: 'ECONNRESET',
      body: 'hunter2',
    });
    child.error({
      err: new CacheError('upstream-refused-us', 'Bearer hunter2hunter2 was refused', {
        detail: { credential: { password: 'hunter2' }, token: 'hunter2' },
        cause: Object.assign(new Error('outer', { cause: inner }), { headers: { authorization: 'hunter2' } }),
      }),
    });
    child.error(Object.assign(new Error('bare'), { response: { headers: { 'set-cookie': 'hunter2' } } }));
    child.error({ failure: new AggregateError([inner], 'all failed') });
    assert.equal(lines.length >= 7, true);
    assert.doesNotMatch(lines.join(''), /hunter2|aHVudGVyMj/);
  });

test('an error is logged with its kind, detail and causes, and an unexpected error with its stack', () => {
  const { log, last } = capture();
  const cause = Object.assign(new Error('connect ECONNREFUSED', { cause: 'why' }), { code: 'ECONNREFUSED', body: 'x' });
  const error = new CacheError('upstream-unreachable', 'Upstream is down.', { detail: { upstream: 'quay.io' }, cause });
  log.warn({ err: error }, 'revalidation failed');
  assert.deepEqual(last()['err'], {
    type: 'CacheError',
    message: 'Upstream is down.',
    kind: 'upstream-unreachable',
    detail: { upstream: 'quay.io' },
    cause: { type: 'Error', message: 'connect ECONNREFUSED', code: 'ECONNREFUSED', cause: 'why' },
  });
  log.error({ err: new TypeError('a bug') });
  assert.match(String((last()['err'] as { stack?: unknown }).stack), /logger\.test\.ts/);
});

test('an endless chain of causes is cut', () => {
  const { log, last } = capture();
  const error = new Error('a');
  error.cause = error;
  log.error({ err: error });
  assert.ok(last()['err']);
});

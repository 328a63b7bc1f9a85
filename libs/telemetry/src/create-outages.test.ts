import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { CacheError, isCacheError } from '@cistern/errors';
import { createLogger } from './logger.ts';
import { createRequestFacts } from './request-facts.ts';
import { createRequestLog } from './request-log.ts';
import { isExplained, neverDemoted, watchOutage } from './create-outages.ts';

const away = () =>
  new CacheError('index-unavailable', 'Redis is down.', {
    cause: Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }),
  });

function open() {
  const lines: Record<string, unknown>[] = [];
  const log = createLogger({
    level: 'info',
    formatter: 'json',
    destination: { write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>) },
  });
  const watch = (name = '') =>
    watchOutage(log, {
      part: 'index',
      lines: {
        began: (facts) => log.warn(facts, `${name}began`),
        lasts: (facts) => log.warn(facts, `${name}lasts`),
        ended: (facts) => log.warn(facts, `${name}ended`),
      },
      explains: (error) => isCacheError(error, 'index-unavailable'),
    });
  const shown = () => lines.splice(0).map(({ level: _level, time: _time, ...rest }) => rest);
  return { log, watch, shown };
}

test('an outage is one line when it begins, one a minute, and one when it ends', async () => {
  const { watch, shown } = open();
  const outage = watch();
  for (let second = 0; second < 150; second += 1) {
    outage.failed(away());
    outage.skipped();
    await delay(1000);
  }
  outage.recovered();
  outage.recovered();
  const err = { message: 'Redis is down.', code: 'ECONNREFUSED' };
  assert.deepEqual(
    shown().map(({ failures: _failures, skipped: _skipped, ...rest }) => rest),
    [
      { err, msg: 'began' },
      { seconds: 60, err, msg: 'lasts' },
      { seconds: 120, err, msg: 'lasts' },
      { seconds: 150, msg: 'ended' },
    ],
  );
  outage.failed(away());
  outage.recovered();
  assert.deepEqual(shown().at(-1), { seconds: 0, failures: 1, skipped: 0, msg: 'ended' });
});

test('all places that notice an outage share its lines, and it ends when all have recovered', async () => {
  const { watch, shown } = open();
  const [first, second, third] = [watch('first '), watch('second '), watch('third ')];
  first.failed(away());
  second.failed(away());
  third.failed(away());
  await delay(60_000);
  first.recovered();
  third.close();
  second.failed(away());
  second.recovered();
  assert.ok(!first.counted(away()));
  assert.deepEqual(
    shown().map(({ msg, failures }) => [msg, failures]),
    [
      ['first began', undefined],
      ['first lasts', 3],
      ['second ended', 4],
    ],
  );
});

test('warnings and errors that an outage explains are counted in its lines, also those of child loggers', () => {
  const { log, watch, shown } = open();
  const outage = watch();
  log.warn({ err: away() }, 'before');
  outage.failed(away());
  log.child({ part: 'x' }).error({ err: away() }, 'consequence');
  log.warn({ err: away() }, 'consequence');
  log.warn({ err: new CacheError('store-unavailable', 'No.') }, 'another cause');
  log.info({ err: away() }, 'not a problem');
  outage.recovered();
  log.warn({ err: away() }, 'after');
  assert.deepEqual(
    shown().map(({ msg, failures }) => [msg, failures]),
    [
      ['before', undefined],
      ['began', undefined],
      ['another cause', undefined],
      ['not a problem', undefined],
      ['ended', 3],
      ['after', undefined],
    ],
  );
});

test('an outage explains an error by its causes, and by no line without an error', () => {
  const { log, watch, shown } = open();
  watch().failed(away());
  log.warn({ err: new Error('wrapped', { cause: away() }) }, 'consequence');
  log.warn({ errorKind: 'index-unavailable' }, 'no error');
  log.warn('no fields');
  assert.deepEqual(
    shown().map(({ msg }) => msg),
    ['began', 'no error', 'no fields'],
  );
  assert.ok(isExplained(log, { err: away() }));
  assert.ok(!isExplained(log, { err: new Error('another') }));
});

test('a message that is written once keeps its level during an outage, also with the log of a child', () => {
  const { log, watch, shown } = open();
  const outage = watch();
  outage.failed(away());
  neverDemoted(log).warn({ err: away() }, 'once');
  neverDemoted(log.child({ part: 'x' })).error({ err: away() }, 'once by a child');
  log.warn({ err: away() }, 'consequence');
  outage.recovered();
  assert.deepEqual(
    shown().map(({ msg, failures }) => [msg, failures]),
    [
      ['began', undefined],
      ['once', undefined],
      ['once by a child', undefined],
      ['ended', 2],
    ],
  );
});

test('after the place that noticed an outage first has closed, another one writes its lines', async () => {
  const { watch, shown } = open();
  const [first, second] = [watch('first '), watch('second ')];
  first.failed(away());
  second.failed(away());
  first.close();
  await delay(60_000);
  second.recovered();
  assert.deepEqual(
    shown().map(({ msg }) => msg),
    ['first began', 'second lasts', 'second ended'],
  );
});

test('a request that fails during an outage has its own line', () => {
  const { log, watch, shown } = open();
  watch().failed(away());
  createRequestLog(log)(createRequestFacts({ status: 503 }), 'error', away());
  assert.deepEqual(
    shown().map(({ msg }) => msg),
    ['began', 'request'],
  );
});

test('a closed place writes no further line', async () => {
  const { watch, shown } = open();
  const outage = watch();
  outage.failed(away());
  outage.close();
  await delay(200_000);
  assert.equal(shown().length, 1);
});

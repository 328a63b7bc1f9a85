import assert from 'node:assert/strict';
import { test } from 'node:test';
import { prettyFactory } from 'pino-pretty';
import { createTextFormat } from './line-writer.ts';
import { createLogger } from './logger.ts';

const { formatLine: format } = createTextFormat();
const pretty = prettyFactory({ ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss.l', singleLine: true });

function linesOf(fields: Readonly<Record<string, unknown>>, say: (log: ReturnType<typeof createLogger>) => void) {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  say(createLogger({ level: 'debug', formatter: 'json', fields, destination }));
  return lines;
}

test('the text format writes every line as pino-pretty does', () => {
  const plain = {
    operation: 'manifest',
    status: 200,
    aborted: false,
    nothing: null,
    list: [1, { x: 'y' }],
    city: 'Köln',
  };
  const lines = [{ service: 'registry' }, {}, { name: 'me', hostname: 'here', pid: 7 }].flatMap((fields) =>
    linesOf(fields, (log) => {
      log.info(plain, 'request ended');
      log.info('plain');
      log.info({});
      log.info({ msg: 'twice' }, 'said');
      log.info({ text: 'x","msg":"y' }, 'quoted "words"');
      log.debug({ text: 'a\\b\n\u0007' }, 'escapes \\ and\nbreaks');
      log.warn({ err: new Error('no') }, 'an error');
      log.error(new TypeError('bare'));
      log.info({ error: { type: 'Error', stack: 'where' } }, 'looks like one');
      log.info({ type: 'Error', stack: 'where' }, 'looks like one');
      log.info({ level: 'none', time: 'never', caller: 'me', timestamp: 1 }, 'names that are taken');
      log.info({ nested: { msg: 'inside', level: 1 } }, 'inside');
      log.child({ upstream: 'docker.io' }).info({ ...plain, time2: 1 }, 'child');
    }),
  );
  for (const line of lines) assert.equal(format(line), pretty(line));
});

test('the text format passes through lines that are not from the logger', () => {
  for (const line of ['', '\n', 'text\n', '{"level":"info"}\n']) assert.equal(format(line), pretty(line));
});

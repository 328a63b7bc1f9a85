import assert from 'node:assert/strict';
import test from 'node:test';
import { parseResponseHead } from './response-head.ts';

const parse = (...lines: string[]) => parseResponseHead(['HTTP/1.1 200 OK', ...lines].join('\r\n'));

test('a head contains status, headers by lower-case names, length, and whether its connection stays open', () => {
  assert.deepEqual(parse('Content-Length: 17', 'ETag:"a: b"', 'x-empty:', 'Date: \t Mon \t'), {
    statusCode: 200,
    headers: { 'content-length': '17', etag: '"a: b"', 'x-empty': '', date: 'Mon' },
    length: 17,
    isUnbounded: false,
    keepsAlive: true,
  });
  assert.equal(parseResponseHead('HTTP/1.1 404').statusCode, 404);
});

test('a connection that its server closes, or may close, does not stay open', () => {
  assert.equal(parse('Connection: close').keepsAlive, false);
  assert.equal(parse('Connection: x-y, Close').keepsAlive, false);
  assert.equal(parse('Connection: Keep-Alive').keepsAlive, true);
  assert.equal(parseResponseHead('HTTP/1.0 200 OK\r\nConnection: keep-alive').keepsAlive, false);
});

test('a body without a length continues to the end of a connection that its server will close', () => {
  assert.equal(parse('Connection: close').isUnbounded, true);
  assert.equal(parse('Date: Mon').isUnbounded, false, 'the connection stays open');
  for (const line of ['Content-Length: 3', 'Content-Length: x', 'Transfer-Encoding: chunked'])
    assert.equal(parse('Connection: close', line).isUnbounded, false, line);
});

test('a length that is not one plain number is ignored', () => {
  for (const lines of [
    [],
    ['Content-Length: 5', 'Content-Length: 6'],
    ['Content-Length: 5, 5'],
    ['Content-Length: -5'],
    ['Content-Length: 5e3'],
    ['Content-Length: '],
    ['Content-Length: 9999999999999999'],
    ['Content-Length: 5', 'Transfer-Encoding: chunked'],
  ])
    assert.equal(parse(...lines).length, undefined, lines.join());
});

test('text that is not a head of HTTP/1.1 is rejected', () => {
  for (const text of ['', 'HTTP/2 200', 'HTTP/1.1 99 x', 'HTTP/1.1 2000', 'SSH-2.0-x', ' HTTP/1.1 200 OK'])
    assert.throws(() => parseResponseHead(text), { code: 'NOT_HTTP' }, text);
  for (const line of ['no colon', ': x', 'a b: c', ' folded: x', 'x : y', 'x: a\0b', ''])
    assert.throws(() => parse(line, 'y: z'), { code: 'NOT_HTTP' }, line);
});

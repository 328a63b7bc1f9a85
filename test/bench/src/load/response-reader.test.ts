import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createResponseReader } from './response-reader.ts';

const response = (body: string, head = `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}`) =>
  Buffer.from(`${head}\r\n\r\n${body}`);

test('a response is complete with its last byte, in pieces of any size', () => {
  for (const bytes of [1, 7, 1000]) {
    const read = createResponseReader({ method: 'GET', size: 5 });
    const whole = Buffer.concat([response('first'), response('other')]);
    const complete: number[] = [];
    const one = response('first').length;
    for (let at = 0; at < whole.length;) {
      // A connection has one request at a time, so no piece has bytes of two responses.
      const end = Math.min(at + bytes, at < one ? one : whole.length);
      if (read(whole.subarray(at, end))) complete.push(end);
      at = end;
    }
    assert.deepEqual(complete, [one, whole.length]);
  }
});

test('a response to HEAD has no body', () => {
  const read = createResponseReader({ method: 'HEAD', size: 5 });
  const head = response('', 'HTTP/1.1 200 OK\r\ncontent-length: 5');
  assert.deepEqual([read(head), read(head)], [true, true]);
});

const at = (bytes: Buffer) => createResponseReader({ method: 'GET', size: 5 })(bytes);

test('a wrong status, a wrong length and further bytes are errors', () => {
  assert.throws(
    () => at(response('first', 'HTTP/1.1 404 Not Found\r\nContent-Length: 5')),
    /"HTTP\/1.1 404 Not Found"/,
  );
  assert.throws(() => at(response('four')), /announced 4 bytes, not 5/);
  assert.throws(() => at(response('first', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked')), /announced no bytes/);
  assert.throws(() => at(Buffer.concat([response('first'), Buffer.from('x')])), /1 bytes too many/);
});

test('a piece may be overwritten after it was read', () => {
  const read = createResponseReader({ method: 'GET', size: 5 });
  const whole = response('first');
  const first = Buffer.from(whole.subarray(0, 10));
  assert.equal(read(first), false);
  first.fill(0);
  assert.equal(read(whole.subarray(10)), true);
});

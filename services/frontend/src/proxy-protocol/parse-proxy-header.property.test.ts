// Bytes that are almost a PROXY header, in chunks of any size. The result of parsing does not depend on the chunks.
import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseProxyHeader } from './parse-proxy-header.ts';

const words = ['PROXY ', 'TCP4', 'TCP6', 'UNKNOWN', ' ', '192.0.2.1', '::1', '443', '65536', '\r\n', '\n', 'GET /v2/'];
const line = fc
  .array(fc.constantFrom(...words), { maxLength: 14 })
  .map((pieces) => Buffer.from(pieces.join(''), 'latin1'));
const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const binary = fc
  .tuple(
    fc.constantFrom(0x20, 0x21, 0x22, 0x11),
    fc.constantFrom(0x00, 0x11, 0x21, 0x31, 0x12, 0xff),
    fc.nat(80),
    fc.uint8Array({ maxLength: 80 }),
  )
  .map(([command, protocol, length, rest]) =>
    Buffer.concat([signature, Buffer.from([command, protocol, 0, length]), rest]),
  );
const bytes = fc.oneof(
  line,
  binary,
  fc.uint8Array({ maxLength: 200 }).map((value) => Buffer.from(value)),
);

test('a parsed header has valid addresses and ports, and ends within the received bytes', () => {
  fc.assert(
    fc.property(bytes, (value) => {
      const parsed = parseProxyHeader(value);
      if (parsed.kind !== 'header') return;
      assert.ok(parsed.length <= value.length);
      if (parsed.client === undefined) return;
      assert.ok(isIP(parsed.client.address) !== 0, parsed.client.address);
      assert.ok(parsed.client.port >= 0 && parsed.client.port <= 65_535);
    }),
  );
});

test('a part of a header is always incomplete', () => {
  fc.assert(
    fc.property(bytes, fc.nat(200), (value, end) => {
      const whole = parseProxyHeader(value);
      if (whole.kind !== 'header') return;
      assert.deepEqual(parseProxyHeader(Buffer.concat([value, Buffer.from('GET / HTTP/1.1')])), whole);
      if (end < whole.length) assert.equal(parseProxyHeader(value.subarray(0, end)).kind, 'incomplete');
    }),
  );
});

// haproxy accepts HTTP/2 from clients that begin with its preface, and sends HTTP/1.1 to frontends. No part of a
// request may become another request on that path.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, test } from 'node:test';
import { startHaproxy } from '@cistern/test-servers';
import { cacheOf, openCistern, openUpstream } from '../src/open-stage.ts';

const upstream = await openUpstream({ after });
upstream.addImage('library/hidden', { tag: 'latest' });
const http = { proxyprotocol: true, trustedproxies: ['127.0.0.2/32'] };
const cistern = await openCistern({ after }, { config: { ...cacheOf(upstream), http } });
const debugPort = Number(new URL(cistern.metricsUrl).port);
const haproxy = await startHaproxy({ frontends: [{ port: cistern.port, debugPort }] });
after(haproxy.close);

const frameTypes = { data: 0, headers: 1, reset: 3, settings: 4, goaway: 7 } as const;
const endOfStream = 1;
const endOfHeaders = 4;

function frame(
  type: keyof typeof frameTypes,
  flags: number,
  stream: number,
  payload: Buffer = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(frameTypes[type], 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** Encodes literal fields without indexing (RFC 7541, section 6.2.2). */
function pack(fields: readonly (readonly [string, string])[]): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), packText(name), packText(value)]));
}

function packText(value: string): Buffer {
  return Buffer.concat([lengthOf(value.length), Buffer.from(value, 'latin1')]);
}

function lengthOf(length: number): Buffer {
  return length < 127 ? Buffer.from([length]) : Buffer.from([127, ((length - 127) & 127) | 128, (length - 127) >> 7]);
}

/** Resolves to the first frame that decides the request: its status by index, or an error code. */
function exchangeFrames(fields: readonly (readonly [string, string])[], body?: string): Promise<string> {
  const socket = connect({ port: haproxy.port, host: '127.0.0.1' });
  const flags = endOfHeaders | (body === undefined ? endOfStream : 0);
  socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  socket.write(Buffer.concat([frame('settings', 0, 0), frame('headers', flags, 1, pack(fields))]));
  if (body !== undefined) socket.write(frame('data', endOfStream, 1, Buffer.from(body)));
  const { promise, resolve } = Promise.withResolvers<string>();
  let received = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    while (received.length >= 9 && received.length >= 9 + received.readUIntBE(0, 3)) {
      const size = received.readUIntBE(0, 3);
      const payload = received.subarray(9, 9 + size);
      const type = received.readUInt8(3);
      if (type === frameTypes.headers) resolve(`status ${statusOf(payload)}`);
      if (type === frameTypes.reset) resolve(`reset ${payload.readUInt32BE(0)}`);
      if (type === frameTypes.goaway) resolve(`goaway ${payload.readUInt32BE(4)}`);
      received = received.subarray(9 + size);
    }
  });
  socket.once('error', () => resolve('closed'));
  socket.once('close', () => resolve('closed'));
  return promise.finally(() => socket.destroy());
}

/** Decodes a status of the static table (RFC 7541, appendix A), or a literal of three digits. */
function statusOf(block: Buffer): number {
  const known: Readonly<Record<number, number>> = { 8: 200, 9: 204, 10: 206, 11: 304, 12: 400, 13: 404, 14: 500 };
  const [first = 0] = block;
  return first & 128 ? (known[first & 127] ?? 0) : Number(block.subarray(2, 5).toString());
}

const hiddenLine = 'GET /v2/library/hidden/tags/list HTTP/1.1';
const hidden = `${hiddenLine}\r\nHost: cache.test\r\n\r\n`;
const get = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':authority', 'cache.test'],
  [':path', '/v2/'],
] as const;
const withPseudo = (name: string, value: string) =>
  get.map((field) => (field[0] === name ? ([name, value] as const) : field));

type Form = readonly [what: string, fields: readonly (readonly [string, string])[], body?: string];
const served: readonly Form[] = [
  ['plain', get],
  ['plain with a body', [...get, ['content-length', `${hidden.length}`]], hidden],
  ['a body without a length', get, hidden],
  ['another host', [...get, ['host', 'ghcr.test']]],
];
/** The stream is reset with PROTOCOL_ERROR. */
const refused: readonly Form[] = [
  ['H2.TE', [...get, ['transfer-encoding', 'chunked']], `0\r\n\r\n${hidden}`],
  ['H2.CL, too short', [...get, ['content-length', '0']], hidden],
  ['H2.CL, too long', [...get, ['content-length', '1000']], hidden],
  ['two lengths', [...get, ['content-length', '0'], ['content-length', `${hidden.length}`]], hidden],
  ['an invalid length', [...get, ['content-length', '0x3f']], hidden],
  ['a line break in a value', [...get, ['x', `a\r\n\r\n${hidden}`]]],
  ['a bare LF in a value', [...get, ['x', 'a\ntransfer-encoding: chunked']], `0\r\n\r\n${hidden}`],
  ['NUL in a value', [...get, ['x', 'a\0b']]],
  ['a line break in a name', [...get, [`x: a\r\n\r\n${hidden}`, 'b']]],
  ['a colon in a name', [...get, ['transfer-encoding: chunked\r\nx', 'b']], `0\r\n\r\n${hidden}`],
  ['capitals in a name', [...get, ['Transfer-Encoding', 'chunked']], `0\r\n\r\n${hidden}`],
  ['a space in a name', [...get, ['transfer-encoding ', 'chunked']], `0\r\n\r\n${hidden}`],
  ['a request in the path', withPseudo(':path', `/v2/ HTTP/1.1\r\nHost: a\r\n\r\n${hidden}`)],
  ['a space in the path', withPseudo(':path', '/v2/ HTTP/1.1')],
  ['an invalid path', withPseudo(':path', 'v2/')],
  ['a request in the method', withPseudo(':method', `${hiddenLine}\r\nHost: a\r\n\r\nGET`)],
  ['a request in the host', withPseudo(':authority', `cache.test\r\n\r\n${hidden}`)],
  ['a request in the scheme', withPseudo(':scheme', `http://a/ HTTP/1.1\r\n\r\n${hidden}`)],
  ['two paths', [...get, [':path', '/v2/library/hidden/tags/list']]],
  ['a connection header', [...get, ['connection', 'content-length'], ['content-length', '0']], ''],
  ['an upgrade', [...get, ['connection', 'upgrade'], ['upgrade', 'h2c']]],
];

for (const [forms, outcome] of [
  [served, 'status 200'],
  [refused, 'reset 1'],
] as const)
  for (const [what, fields, body] of forms)
    test(`request smuggling by HTTP/2: ${what}: ${outcome}`, async () => {
      assert.equal(await exchangeFrames(fields, body), outcome);
    });

test('no frontend and no upstream received a hidden request', async () => {
  assert.deepEqual(
    cistern.log().filter((line) => line.includes('library/hidden')),
    [],
  );
  assert.equal(upstream.count(), 0);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseProxyHeader } from './parse-proxy-header.ts';

const signature = '0d0a0d0a000d0a515549540a';
/** Builds a header of version 2: version and command, family and transport, then the block. */
function binary(command: number, protocol: number, block: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.from(`${signature}00000000`, 'hex');
  head.writeUInt8(command, 12);
  head.writeUInt8(protocol, 13);
  head.writeUInt16BE(block.length, 14);
  return Buffer.concat([head, block]);
}
const ipv4Block = Buffer.from('cb00710901020304d43101bb', 'hex');
const ipv6Block = Buffer.from(`20010db8${'00'.repeat(11)}07${'00'.repeat(15)}0101bb1388`, 'hex');

const ofIpv4 = { address: '203.0.113.9', port: 54_321, family: 'IPv4' };
const ofIpv6 = { address: '2001:db8::7', port: 443, family: 'IPv6' };

const headers: Record<string, readonly [Buffer, object | undefined]> = {
  'a line for IPv4': [Buffer.from('PROXY TCP4 203.0.113.9 1.2.3.4 54321 443\r\n'), ofIpv4],
  'a line for IPv6': [Buffer.from('PROXY TCP6 2001:DB8:0:0::7 ::1 443 5000\r\n'), ofIpv6],
  'a line with UNKNOWN': [Buffer.from('PROXY UNKNOWN\r\n'), undefined],
  'a line with UNKNOWN and addresses': [Buffer.from('PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n'), undefined],
  'a block for IPv4': [binary(0x21, 0x11, ipv4Block), ofIpv4],
  'a block for IPv6': [binary(0x21, 0x21, ipv6Block), ofIpv6],
  'a block with data after its addresses': [binary(0x21, 0x11, Buffer.concat([ipv4Block, Buffer.alloc(500)])), ofIpv4],
  'a block of the proxy': [binary(0x20, 0x00), undefined],
  'a block of the proxy with addresses': [binary(0x20, 0x11, ipv4Block), undefined],
  'a block without a family': [binary(0x21, 0x00, Buffer.alloc(9)), undefined],
  'a block for a Unix socket': [binary(0x21, 0x31, Buffer.alloc(216)), undefined],
  'a block for UDP': [binary(0x21, 0x12, ipv4Block), undefined],
};

for (const [name, [bytes, client]] of Object.entries(headers))
  test(`${name} is parsed as a header, in any chunks and before any bytes`, () => {
    for (let length = 0; length < bytes.length; length++)
      assert.deepEqual(parseProxyHeader(bytes.subarray(0, length)), { kind: 'incomplete' });
    const header = { kind: 'header', length: bytes.length, client };
    assert.deepEqual(parseProxyHeader(bytes), header);
    assert.deepEqual(parseProxyHeader(Buffer.concat([bytes, Buffer.from('GET / HTTP/1.1\r\n\r\n')])), header);
  });

const garbage: Record<string, Buffer | string> = {
  'a request': 'GET / HTTP/1.1\r\n',
  'one wrong byte': 'PROXX',
  'a TLS handshake': Buffer.from('160301', 'hex'),
  'no protocol': 'PROXY \r\n',
  'another protocol': 'PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n',
  'no address': 'PROXY TCP4 \r\n',
  'an address of the other family': 'PROXY TCP4 ::1 ::1 1 2\r\n',
  'a name instead of an address': 'PROXY TCP4 example.com 1.2.3.4 1 2\r\n',
  'a port out of range': 'PROXY TCP4 1.2.3.4 1.2.3.4 65536 2\r\n',
  'a port with a leading zero': 'PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n',
  'one field too many': 'PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n',
  'a line without an end': `PROXY TCP4 ${' '.repeat(200)}`,
  'another version': binary(0x31, 0x11, ipv4Block),
  'another command': binary(0x22, 0x11, ipv4Block),
  'another family': binary(0x21, 0x41, ipv4Block),
  'another transport': binary(0x21, 0x13, ipv4Block),
  'a block too short for its addresses': binary(0x21, 0x21, ipv4Block),
  'a block that is too long': binary(0x21, 0x11, Buffer.alloc(5000)),
};

for (const [name, bytes] of Object.entries(garbage))
  test(`${name} is invalid`, () => {
    assert.equal(parseProxyHeader(Buffer.from(bytes)).kind, 'invalid');
  });

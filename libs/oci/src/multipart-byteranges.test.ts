import assert from 'node:assert/strict';
import { test } from 'node:test';
import { multipartByteranges } from './multipart-byteranges.ts';

test('the body is what RFC 9110 shows, and as long as promised', () => {
  const blob = Buffer.from('0123456789');
  const ranges = [
    { start: 7, end: 9 },
    { start: 0, end: 0 },
  ];
  const multipart = multipartByteranges(ranges, blob.length, 'application/octet-stream', 'b0undary');
  const body = Buffer.concat([
    ...multipart.parts.flatMap(({ header, range }) => [header, blob.subarray(range.start, range.end + 1)]),
    multipart.end,
  ]);
  assert.equal(
    body.toString('latin1'),
    '--b0undary\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes 7-9/10\r\n\r\n789\r\n' +
      '--b0undary\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes 0-0/10\r\n\r\n0\r\n' +
      '--b0undary--\r\n',
  );
  assert.equal(multipart.contentLength, body.length);
  assert.equal(multipart.contentType, 'multipart/byteranges; boundary=b0undary');
});

test('another parser takes the parts apart again', async () => {
  // fetch's form-data parser is the only multipart reader in Node; it wants a Content-Disposition, given as the type here.
  const blob = Buffer.from('\r\n--b0undary\r\nnot a boundary of the answer');
  const type = 'text/plain\r\nContent-Disposition: form-data; name="part"';
  const multipart = multipartByteranges([{ start: 2, end: 14 }], blob.length, type, 'other');
  const body = Buffer.concat([multipart.parts[0]?.header ?? Buffer.alloc(0), blob.subarray(2, 15), multipart.end]);
  const response = new Response(body, { headers: { 'content-type': 'multipart/form-data; boundary=other' } });
  assert.equal((await response.formData()).get('part'), '--b0undary\r\nn');
});

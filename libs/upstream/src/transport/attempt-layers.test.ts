import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { isCacheError } from '@cistern/errors';
import { readWholeBody } from './attempt-layers.ts';
import type { BodyPicker, TransportResponse } from './transport.ts';

const url = new URL('http://registry.test/v2/a/tags/list');

async function read(
  maxReceivedBytes: number,
): Promise<{ readonly response: TransportResponse; readonly counted: number }> {
  let counted = 0;
  const layer = readWholeBody({ upstream: { name: 'test', url }, countBytes: (bytes) => (counted += bytes) });
  const transport = layer(async () => ({
    status: 200,
    headers: {},
    url,
    body: Readable.from([Buffer.from('keep'), Buffer.from('drop, '.repeat(10)), Buffer.from('keep')]),
  }));
  const pick = (): BodyPicker => ({
    maxReceivedBytes,
    push: (chunk) => (chunk.toString() === 'keep' ? chunk : Buffer.alloc(0)),
  });
  const { signal } = new AbortController();
  const request = { operation: 'list-tags', method: 'GET', url, headers: {}, signal, maxBodyBytes: 8, pick } as const;
  const response = await transport(request);
  return { response, counted };
}

test('the picked bytes of a body are kept, and all are counted', async () => {
  const { response, counted } = await read(68);
  assert.deepEqual([String(response.bytes), counted], ['keepkeep', 68]);
});

test('a body that is too large in all is refused, however little is kept of it', async () => {
  await assert.rejects(read(67), (error) => isCacheError(error, 'content-mismatch') && /67 bytes/.test(error.message));
});

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { digestOf } from '@cistern/oci';
import { createMemoryPullThrough } from '../testing/memory-pull-through.ts';
import { openRawConnection, requestText } from '../testing/raw-connection.ts';
import { startFrontend } from '../testing/start-frontend.ts';

const blob = randomBytes(700_000);
const digest = digestOf(blob);
const path = `/v2/library/nginx/blobs/${digest}`;

/** Splits the bytes of one connection by the lengths of the responses. */
function bodiesOf(received: Buffer): Buffer[] {
  const bodies: Buffer[] = [];
  for (let rest = received; rest.length > 0;) {
    const end = rest.indexOf('\r\n\r\n') + 4;
    const length = Number(/content-length: (\d+)/i.exec(rest.subarray(0, end).toString('latin1'))?.[1]);
    bodies.push(rest.subarray(end, end + length));
    rest = rest.subarray(end + length);
  }
  return bodies;
}

test('pipelined requests get complete responses in order', async (t) => {
  const pullThrough = createMemoryPullThrough({ blobs: [blob] });
  const { port } = await startFrontend(t, { pullThrough });
  const connection = await openRawConnection(t, port);
  connection.socket.write(
    requestText('/v2/') +
      requestText(path) +
      requestText(path, ['Range: bytes=5-9']) +
      requestText('/v2/nope') +
      requestText(path) +
      requestText('/v2/nginx/tags/list', ['Connection: close']),
  );
  await connection.closed;
  const [ping, whole, range, unknown, again, tags, ...others] = bodiesOf(connection.received());
  assert.equal(ping?.toString(), '{}');
  assert.ok(whole?.equals(blob));
  assert.ok(range?.equals(blob.subarray(5, 10)));
  assert.match(unknown?.toString() ?? '', /NAME_UNKNOWN/);
  assert.ok(again?.equals(blob));
  assert.match(tags?.toString() ?? '', /latest/);
  assert.equal(others.length, 0);
  assert.equal(pullThrough.openStreams, 0);
});

test('an HTTP/1.0 client gets complete responses, and a kept connection only on request', async (t) => {
  const { port } = await startFrontend(t, { pullThrough: createMemoryPullThrough({ blobs: [blob] }) });
  const single = await openRawConnection(t, port);
  single.socket.write(requestText(path, [], '1.0'));
  await single.closed;
  assert.match(single.received().toString('latin1'), /connection: close/i);
  assert.ok(bodiesOf(single.received())[0]?.equals(blob));

  const kept = await openRawConnection(t, port);
  kept.socket.write(requestText(path, ['Connection: keep-alive'], '1.0') + requestText('/v2/', [], '1.0'));
  await kept.closed;
  const [first, second] = bodiesOf(kept.received());
  assert.ok(first?.equals(blob));
  assert.equal(second?.toString(), '{}');
});

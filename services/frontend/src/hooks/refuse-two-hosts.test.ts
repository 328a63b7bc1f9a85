import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openRawConnection, requestText } from '../testing/raw-connection.ts';
import { startFrontend } from '../testing/start-frontend.ts';
import { until } from '@cistern/runtime/testing';

test('a request with two Host headers is rejected, whatever their values', async (t) => {
  const { port } = await startFrontend(t);
  for (const second of ['Host: ghcr.test', 'hOST: cache.test', 'HOST:']) {
    const { socket, received } = await openRawConnection(t, port);
    socket.write(requestText('/v2/', [second]));
    await until(() => received().length > 0);
    assert.match(received().toString(), /^HTTP\/1\.1 400 [^]*NAME_INVALID[^]*more than one Host header/, second);
  }
  const { socket, received } = await openRawConnection(t, port);
  socket.write(requestText('/v2/', ['Hose: x', 'X-Host: x']));
  await until(() => received().length > 0);
  assert.match(received().toString(), /^HTTP\/1\.1 200 /);
});

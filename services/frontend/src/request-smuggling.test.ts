// Requests that two servers may parse differently. A frontend rejects them, or ends them as RFC 9112 defines, and never parses a
// body as a request. A test in test/single-node/load-balancing sends the same forms through haproxy.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMemoryPullThrough } from './testing/memory-pull-through.ts';
import { openRawConnection } from './testing/raw-connection.ts';
import { hiddenName, smugglingForms } from './testing/smuggling-forms.ts';
import { startFrontend } from './testing/start-frontend.ts';

for (const { what, text, direct } of smugglingForms)
  test(`request smuggling: ${what}`, async (t) => {
    const pullThrough = createMemoryPullThrough();
    const { port, logText } = await startFrontend(t, { pullThrough });
    const { socket, received, closed } = await openRawConnection(t, port);
    socket.write(text, 'latin1');
    await closed;
    const statuses = [
      ...received()
        .toString('latin1')
        .matchAll(/HTTP\/1\.1 (\d{3}) /g),
    ].map(([, code]) => Number(code));
    assert.deepEqual(statuses, direct);
    assert.deepEqual(pullThrough.calls, []);
    assert.ok(!logText().includes(hiddenName));
  });

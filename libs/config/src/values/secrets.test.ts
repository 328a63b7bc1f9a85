import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { createSecret } from './secrets.ts';

test('only reveal() shows a secret', () => {
  const secret = createSecret('hunter2');
  assert.equal(secret.reveal(), 'hunter2');
  for (const shown of [
    JSON.stringify({ secret }),
    inspect({ secret }),
    secret.toString(),
    inspect(secret, { showHidden: true }),
  ])
    assert.match(shown, /\[redacted\]/);
  assert.ok(!JSON.stringify({ secret, ...secret }).includes('hunter2'));
});

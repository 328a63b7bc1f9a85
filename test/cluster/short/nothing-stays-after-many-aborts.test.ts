import { test } from 'node:test';
import { assertNothingLeaks } from '../src/assert-nothing-leaks.ts';

test('a thousand requests with random aborts leave nothing behind', async (t) => {
  t.diagnostic(await assertNothingLeaks(t, 1000));
});

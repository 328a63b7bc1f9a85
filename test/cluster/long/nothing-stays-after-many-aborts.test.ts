import { test } from 'node:test';
import { assertNothingLeaks } from '../src/assert-nothing-leaks.ts';

test('ten thousand requests with random aborts leave nothing behind', async (t) => {
  t.diagnostic(await assertNothingLeaks(t, 10_000));
});

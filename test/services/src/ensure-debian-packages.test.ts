import { test } from 'node:test';
import { ensureDebianPackages } from './index.ts';

test('packages that are installed need no installation', async () => {
  await ensureDebianPackages(['dpkg', 'util-linux']);
});

import { test } from 'node:test';
import { ensureDebianPackages } from './ensure-debian-packages.ts';

test('installed packages need no installation', async () => {
  await ensureDebianPackages(['dpkg', 'util-linux']);
});

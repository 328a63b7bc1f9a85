import { test } from 'node:test';
import { ensureDebianPackages } from './ensure-debian-packages.ts';

test('packages that are installed need no installation', async () => {
  await ensureDebianPackages(['dpkg', 'util-linux']);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTestIndex, repositoryOf } from '@cistern/index/testing';
import { createPlatformChoice } from './choose-platforms.ts';

const [nginx, redis] = [repositoryOf('docker.io', 'library/nginx'), repositoryOf('docker.io', 'library/redis')];

test('platforms are those of the request, else of the pulls of the repository, else of all pulls, else of this machine', async () => {
  const clock = { nowMs: 1_700_000_000_000 };
  const index = createTestIndex({ now: () => clock.nowMs });
  const choose = createPlatformChoice({ index, now: () => clock.nowMs });
  const chosen = async (...given: Parameters<typeof choose>) => [...(await choose(...given))].sort();
  assert.deepEqual(await chosen(nginx), [`linux/${process.arch === 'x64' ? 'amd64' : process.arch}`]);
  for (let pull = 0; pull < 100; pull += 1) index.popularity.countPlatform(nginx, 'linux/amd64');
  for (let pull = 0; pull < 6; pull += 1) index.popularity.countPlatform(nginx, 'linux/arm64');
  for (let pull = 0; pull < 4; pull += 1) index.popularity.countPlatform(nginx, 'linux/s390x');
  clock.nowMs += 60_001;
  assert.deepEqual(await chosen(nginx), ['linux/amd64', 'linux/arm64']);
  assert.deepEqual(await chosen(redis), ['linux/amd64', 'linux/arm64']);
  assert.deepEqual(await chosen(nginx, ['linux/riscv64']), ['linux/riscv64']);
  index.popularity.countPlatform(redis, 'linux/s390x');
  clock.nowMs += 60_001;
  assert.deepEqual(await chosen(redis), ['linux/s390x']);
});

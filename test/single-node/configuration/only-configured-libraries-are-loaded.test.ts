// Every loaded library takes memory in every process for as long as it runs. Libraries of parts that are not configured
// or not used are not loaded.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { openDirectory, openProcess } from '../src/open-stage.ts';

const preloaded = import.meta.resolve('../src/list-loaded.ts');

test('a cache without cluster, users, limits, traces or certificates does not load their libraries', async (t) => {
  const file = join(await openDirectory(t), 'loaded.json');
  const cistern = await openProcess(t, {
    config: { admin: { addr: '127.0.0.1:0' } },
    env: { NODE_OPTIONS: `--import=${preloaded}`, TEST_LOADED_FILE: file },
  });
  await cistern.stop();
  const loaded = JSON.parse(await readFile(file, 'utf8')) as readonly string[];
  const packages = new Set(loaded.flatMap((url) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1] ?? []));
  for (const needed of ['fastify', 'pino', 'zod']) assert.ok(packages.has(needed), `${needed} is missing`);
  const needless = ['bullmq', 'ioredis', 'minio', 'jose', 'bcrypt', 'rate-limiter-flexible', 'acme-client', 'ajv'];
  const later = [
    '@fastify/swagger',
    '@opentelemetry/sdk-trace',
    'cron-parser',
    'luxon',
    'tldts',
    'smol-toml',
    'lit-html',
    'tar-stream',
    'undici',
  ];
  assert.deepEqual(
    [...needless, ...later].filter((name) => packages.has(name)),
    [],
  );
  // The admin server is loaded with its first request.
  const routes = loaded.filter((url) => url.includes('/services/admin/src/api/'));
  assert.deepEqual(routes, []);
  // An import of `node:http` loads the undici behind `fetch`.
  const clients = loaded.filter((name) => name.startsWith('NativeModule internal/deps/undici'));
  assert.deepEqual(clients, []);
});

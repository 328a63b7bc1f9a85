import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Config, ConfigError, loadConfig, openLiveConfig } from '@cistern/config';
import { openAll } from '@cistern/runtime';
import { createLogger } from '@cistern/telemetry';
import { createReload } from './create-reload.ts';

function configOf(env: Readonly<Record<string, string>> = {}): Config {
  return loadConfig({ env, defaults: { rootDirectory: '/nowhere' } });
}

function openStage({ isStarted = true } = {}) {
  const started = configOf();
  const lines: { level: string; msg: string; keys?: string[]; reason?: string }[] = [];
  const write = (line: string) => void lines.push(JSON.parse(line) as (typeof lines)[number]);
  const log = createLogger({ level: 'info', formatter: 'json', destination: { write } });
  const live = openLiveConfig(started);
  const file = { reads: 0, read: (): Config => started };
  const read = () => {
    file.reads += 1;
    return file.read();
  };
  const reload = createReload({ config: started, live, read, log });
  if (isStarted) reload.start();
  const limit = live.config.live.derive(({ limits }) => limits.connections);
  const logged = () => lines.splice(0).map(({ level, msg, keys = [] }) => [level, msg, ...keys]);
  /** Opens a part that each change of the limits opens again. */
  const openPart = (open: () => Promise<void>) =>
    openAll((closers) => live.config.live.open({ name: 'the limits', select: ({ limits }) => limits, open }, closers));
  return { reload, file, log, lines, logged, limit, openPart };
}

test('a reload applies settings, and names those that need a restart', async () => {
  const { reload, file, log, logged, limit } = openStage();
  const env = { REGISTRY_LIMITS_CONNECTIONS: '7', REGISTRY_LOG_LEVEL: 'warn', REGISTRY_HTTP_ADDR: ':6000' };
  file.read = () => configOf(env);
  assert.deepEqual(await reload.run(), { result: 'applied', needsRestart: ['http.addr'] });
  assert.deepEqual([limit(), log.level], [7, 'warn']);
  assert.deepEqual(reload.needsRestart(), ['http.addr']);
  // The new level is already in force.
  assert.deepEqual(logged(), [['warn', 'configuration change needs a restart', 'http.addr']]);
  file.read = () => configOf({ REGISTRY_LIMITS_CONNECTIONS: '7' });
  assert.deepEqual(await reload.run(), { result: 'applied', needsRestart: [] });
  assert.deepEqual(logged(), [['info', 'configuration reloaded', 'log.level']]);
  assert.deepEqual(await reload.run(), { result: 'unchanged', needsRestart: [] });
});

test('an invalid configuration changes nothing, and the error names the setting', async () => {
  const { reload, file, lines, limit } = openStage();
  file.read = () => configOf({ REGISTRY_LIMITS_CONNECTIONS: '7', REGISTRY_HTTP_ADDR: 'no address' });
  const { result, reason } = await reload.run();
  assert.equal(result, 'rejected');
  assert.match(reason ?? '', /REGISTRY_HTTP_ADDR/);
  assert.equal(limit(), undefined);
  assert.equal(lines.length, 1);
  assert.partialDeepStrictEqual(lines[0], { level: 'error', msg: 'configuration rejected, keeping the running one' });
  assert.match(lines[0]?.reason ?? '', /REGISTRY_HTTP_ADDR/);
});

test('a configuration whose parts cannot be opened is rejected as a whole', async () => {
  const { reload, file, limit, openPart } = openStage();
  await openPart(async () => {
    if (file.reads > 0)
      throw new ConfigError('The configuration', [
        { path: 'auth.htpasswd.path', message: 'is gone from https://ada:pass@a.test' },
      ]);
  });
  file.read = () => configOf({ REGISTRY_LIMITS_CONNECTIONS: '7' });
  const { reason } = await reload.run();
  assert.match(reason ?? '', /auth\.htpasswd\.path: is gone from https:\/\/\[redacted\]@a\.test/);
  assert.equal(limit(), undefined);
});

test('requests before the start wait and share a reload, and requests during a reload share the next one', async () => {
  const { reload, file, openPart } = openStage({ isStarted: false });
  const [opening, mayOpen] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  await openPart(async () => {
    if (file.reads === 0) return;
    opening.resolve();
    await mayOpen.promise;
  });
  const early = [reload.run(), reload.run()];
  assert.equal(file.reads, 0);
  file.read = () => configOf({ REGISTRY_LIMITS_CONNECTIONS: String(file.reads) });
  reload.start();
  await opening.promise;
  const late = [reload.run(), reload.run()];
  assert.equal(file.reads, 1);
  mayOpen.resolve();
  await Promise.all([...early, ...late]);
  assert.equal(file.reads, 2);
});

test('a node that shuts down rejects reloads', async () => {
  const { reload, file } = openStage();
  await reload.close();
  assert.equal((await reload.run()).result, 'rejected');
  assert.equal(file.reads, 0);
});

test('a reload that hangs is rejected after a time limit, and the next one works', async () => {
  const { reload, file, limit, openPart } = openStage();
  await openPart(() => (file.reads === 1 ? new Promise(() => {}) : Promise.resolve()));
  file.read = () => configOf({ REGISTRY_LIMITS_CONNECTIONS: '7' });
  const { result, reason } = await reload.run();
  assert.deepEqual([result, limit()], ['rejected', undefined]);
  assert.match(reason ?? '', /Opening the limits did not end: It took longer than 30 seconds/);
  assert.equal((await reload.run()).result, 'applied');
  assert.equal(limit(), 7);
});

test('a part that hangs does not delay the shutdown, and its reload is not applied', async () => {
  const { reload, file, limit, openPart } = openStage();
  const [opening, opened] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  await openPart(async () => {
    if (file.reads === 0) return;
    opening.resolve();
    await opened.promise;
  });
  file.read = () => configOf({ REGISTRY_LIMITS_CONNECTIONS: '7' });
  const running = reload.run();
  await opening.promise;
  await reload.close();
  assert.equal((await running).result, 'rejected');
  opened.resolve();
  await reload.close();
  assert.equal(limit(), undefined);
});

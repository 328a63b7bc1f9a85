import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfig } from '@cistern/config';
import { adminBanner, workerBanner } from './banner.ts';

const config = loadConfig({
  path: undefined,
  env: { REGISTRY_REDIS_ADDRS: '["redis.example:6379"]', REGISTRY_HTTP_DEBUG_PROMETHEUS_ENABLED: 'true' },
  defaults: { rootDirectory: '/data' },
});
const urls = { clients: 'http://localhost:5002', peers: 'http://localhost:5001', debug: undefined, console: undefined };

test('the banner of an admin node shows its console and its Redis', () => {
  const text = adminBanner(config, urls);
  assert.match(text, /^Cistern [\d.]+ admin listens on http:\/\/localhost:5002\n/);
  assert.match(text, /console +http:\/\/localhost:5002\/console\/\n$/);
  assert.match(text, /redis\.example:6379/);
});

test('the banner of a worker shows its address for frontends and its upstreams', () => {
  const text = workerBanner(config, { ...urls, debug: 'http://localhost:5003' });
  assert.match(text, /^Cistern [\d.]+ worker serves frontends on http:\/\/localhost:5001\n/);
  assert.match(text, /fetches from +docker\.io/);
  assert.match(text, /http:\/\/localhost:5003 {2}\(\/metrics, \/healthz, \/readyz\)/);
});

import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import { test } from 'node:test';
import { loadConfig } from '@cistern/config';
import { advertisedAddress } from './advertised-address.ts';

function addressOf(worker: string): string {
  const env = { REGISTRY_WORKER: worker };
  return advertisedAddress(loadConfig({ env, readFile: (path) => path, defaults: { rootDirectory: '/' } }).worker);
}

test('is what the configuration says, else the address of the listener, else the name of the machine', () => {
  assert.equal(addressOf('{advertise: "http://worker-1:80"}'), 'http://worker-1');
  assert.equal(addressOf('{addr: "10.0.0.7:7002"}'), 'http://10.0.0.7:7002');
  assert.equal(addressOf('{addr: "[fd00::7]:7002"}'), 'http://[fd00::7]:7002');
  for (const everywhere of [':5002', '0.0.0.0:5002', '[::]:5002'])
    assert.equal(addressOf(`{addr: "${everywhere}"}`), `http://${hostname()}:5002`);
  assert.equal(addressOf('{addr: "10.0.0.7:1", tls: {certificate: /c, key: /k}}'), 'https://10.0.0.7:1');
});

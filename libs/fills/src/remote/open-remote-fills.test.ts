import assert from 'node:assert/strict';
import { test } from 'node:test';
import { repositoryOf } from '@cistern/index/testing';
import { digestOf } from '@cistern/oci';
import { createLogger } from '@cistern/telemetry';
import { openRemoteFills } from './open-remote-fills.ts';
import { createPeerKeys } from './peer-keys.ts';

test('a wrong signature is logged once a minute, and another protocol is never logged', () => {
  const lines: string[] = [];
  const log = createLogger({
    level: 'warn',
    formatter: 'json',
    destination: { write: (line) => void lines.push(line) },
  });
  let nowMs = 0;
  const connections = { get: () => assert.fail('nothing is dialled'), close() {} };
  const keys = createPeerKeys('the secret of this cluster');
  const remote = openRemoteFills({ keys, connections, now: () => nowMs, log });
  const source = repositoryOf('docker.io', 'library/nginx');
  const fill = { digest: digestOf(Buffer.from('a')), fillId: 'fill', address: 'http://attacker:5002', source, size: 1 };
  const forged = { ...fill, ...createPeerKeys('the secret of another one').signRecord(fill) };
  for (const record of [fill, { ...forged, protocol: 1 }, { ...forged, protocol: 3 }])
    assert.equal(remote.canRead(record), false);
  assert.equal(lines.length, 0);
  for (const [atMs, count] of [
    [0, 1],
    [59_999, 1],
    [60_000, 2],
  ] as const) {
    nowMs = atMs;
    assert.equal(remote.canRead(forged), false);
    assert.equal(lines.length, count);
  }
  assert.match(lines[0]!, /fill record signature invalid, cluster secret may differ/);
  assert.match(lines[0]!, /attacker/);
  assert.equal(remote.canRead({ ...fill, ...keys.signRecord(fill) }), true);
  assert.equal(lines.length, 2);
});

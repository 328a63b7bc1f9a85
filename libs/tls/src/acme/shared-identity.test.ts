import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLogger } from '@cistern/telemetry';
import { makeAuthority } from '../testing/make-authority.ts';
import { describeKeyPair, type KeyPair } from '../key-pair.ts';
import { answerChallenge, sharedIdentity } from './shared-identity.ts';

const authority = await makeAuthority();
const [one, two] = [await authority.issue(['DNS:one.test']), await authority.issue(['DNS:two.test'])];
const recordOf = (pair: KeyPair) => JSON.stringify({ schema: 1, directoryUrl: '', hosts: [], issuedAtMs: 0, ...pair });

function open(provesByAlpn = false) {
  const shared = {
    now: 0,
    certificate: undefined as string | undefined,
    notice: '',
    challenges: '[]',
    isUnavailable: false,
  };
  const lines: string[] = [];
  let reads = 0;
  const answer = <T>(value: T): Promise<T> =>
    shared.isUnavailable ? Promise.reject(new Error('unavailable')) : Promise.resolve(value);
  const board = {
    read: (name: string) => answer(name === 'certificate' ? shared.notice || undefined : shared.challenges),
    write: async () => {},
    remove: async () => {},
  };
  const load = sharedIdentity({
    state: {
      read: () => {
        reads += 1;
        return answer(shared.certificate);
      },
      write: async () => {},
    },
    board,
    provesByAlpn,
    readAuthorities: async () => [],
    log: createLogger({ level: 'info', formatter: 'json', destination: { write: (line) => void lines.push(line) } }),
    now: () => shared.now,
  });
  return { shared, board, load, lines, reads: () => reads };
}

test('the state is read until there is a certificate, then after notices and once a minute', async () => {
  const { shared, load, reads } = open();
  assert.equal((await load()).pair, undefined);
  shared.certificate = recordOf(one);
  assert.deepEqual((await load()).pair, one);
  const before = reads();
  await load();
  assert.equal(reads(), before, 'there is no notice');
  shared.certificate = recordOf(two);
  shared.notice = describeKeyPair(two).fingerprint;
  assert.deepEqual((await load()).pair, two);
  shared.notice = '';
  shared.certificate = recordOf(one);
  shared.now += 61_000;
  assert.deepEqual((await load()).pair, one, 'the board has lost the notice');
});

test('an unavailable, missing or broken record keeps the certificate, and is logged once', async () => {
  const { shared, load, lines } = open();
  shared.certificate = recordOf(one);
  await load();
  for (const change of [
    { isUnavailable: true },
    { isUnavailable: false, certificate: undefined },
    { certificate: recordOf({ certificate: two.certificate, key: one.key }) },
    { certificate: '{' },
  ]) {
    Object.assign(shared, change);
    for (let look = 0; look < 3; look += 1) {
      shared.now += 61_000;
      assert.deepEqual((await load()).pair, one);
    }
  }
  assert.equal(lines.length, 1);
});

test('proofs exist while they are on the board, by token or as certificates', async () => {
  const { shared, board, load } = open(true);
  shared.challenges = JSON.stringify([{ host: 'one.test', token: 'a', answer: 'a.thumbprint' }]);
  assert.equal(await answerChallenge(board, 'a'), 'a.thumbprint');
  assert.equal(await answerChallenge(board, 'b'), undefined);
  const [proof] = (await load()).proofs;
  assert.equal(proof?.host, 'one.test');
  assert.deepEqual((await load()).proofs, [proof], 'it is created once');
  shared.challenges = '[]';
  assert.deepEqual((await load()).proofs, []);
  assert.deepEqual((await open(false).load()).proofs, []);
});

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test, type TestContext } from 'node:test';
import { createLogger, createMetrics } from '@cistern/telemetry';
import { makeAuthority } from '../testing/make-authority.ts';
import type { NoticeName, AcmeState } from './acme-state.ts';
import type { CertificateRequest, OrderOptions } from './order-certificate.ts';
import { frontendProver } from './prover.ts';
import { idOf, type IssuerOptions, renewalTime, retryAfterMs, startIssuer } from './start-issuer.ts';

const authority = await makeAuthority();
const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

const request: CertificateRequest = {
  directoryUrl: 'https://authority.test/directory',
  email: undefined,
  externalAccount: undefined,
  hosts: ['cache.test'],
  challenge: 'tls-alpn-01',
};

/** Creates the storage that several issuers share, and a clock that advances only while they sleep. */
function createWorld() {
  const records = new Map<string, string>();
  const notices = new Map<string, string>();
  const state: AcmeState = {
    read: async (name) => records.get(name),
    write: async (name, text) => void records.set(name, text),
  };
  const board = {
    read: async (name: NoticeName) => notices.get(name),
    write: async (name: NoticeName, text: string) => void notices.set(name, text),
    remove: async (name: NoticeName) => void notices.delete(name),
  };
  return { records, notices, state, board, now: Date.now() };
}

type World = ReturnType<typeof createWorld>;

function start(t: TestContext, world: World, options: Partial<IssuerOptions> = {}) {
  const orderedAtMs: number[] = [];
  const lines: string[] = [];
  const { promise: done, resolve } = Promise.withResolvers<void>();
  let sleptMs = 0;
  let limitMs = 0;
  const issuer = startIssuer({
    request,
    state: world.state,
    board: world.board,
    prover: frontendProver({ board: world.board, settleMs: 0 }),
    withLease: async (signal, action) => action(signal),
    log: createLogger({ level: 'info', formatter: 'json', destination: { write: (line) => void lines.push(line) } }),
    metrics: createMetrics(),
    now: () => world.now,
    sleep: async (ms, signal) => {
      sleptMs += ms;
      world.now += ms;
      if (sleptMs >= limitMs && !signal.aborted) {
        resolve();
        await new Promise((end) => signal.addEventListener('abort', end, { once: true }));
      }
    },
    ...options,
    order: async (ordered: OrderOptions) => {
      orderedAtMs.push(world.now);
      return (options.order ?? issue)(ordered);
    },
  });
  const close = () => issuer.close();
  t.after(close);
  return {
    orderedAtMs,
    lines,
    close,
    /** Advances the clock by this time. A test calls it only once. */
    async pass(ms: number) {
      limitMs = ms;
      await done;
    },
  };
}

const issue = ({ hosts }: OrderOptions) => authority.issue(hosts.map((host) => `DNS:${host}`));
const fail = async () => {
  throw new Error('the authority rejects it');
};

test('a missing certificate is ordered once and kept', async (t) => {
  const world = createWorld();
  const { orderedAtMs, pass, lines } = start(t, world);
  await pass(hourMs);
  assert.equal(orderedAtMs.length, 1);
  const { certificate } = JSON.parse(world.records.get('certificate') ?? '') as { certificate: string };
  assert.equal(world.notices.get('certificate'), new X509Certificate(certificate).fingerprint256);
  assert.match(world.records.get('account') ?? '', /PRIVATE KEY/);
  assert.doesNotMatch(lines.join(''), /PRIVATE KEY/);
});

test('a certificate is renewed when a third of its life is left, not sooner, and not by another process', async (t) => {
  const world = createWorld();
  const first = start(t, world);
  await first.pass(hourMs);
  await first.close();
  const { certificate } = JSON.parse(world.records.get('certificate') ?? '') as { certificate: string };
  const second = start(t, world);
  await second.pass(48 * hourMs);
  const due = renewalTime(certificate);
  const { validToDate } = new X509Certificate(certificate);
  const leftHours = (validToDate.getTime() - due) / hourMs;
  assert.ok(leftHours > 15.9 && leftHours < 18.5, `${leftHours} of 48 hours left`);
  const [renewedAtMs = 0] = second.orderedAtMs;
  assert.ok(renewedAtMs >= due && renewedAtMs < due + 2 * minuteMs);
});

test('failures are retried with growing delays, five times an hour, and a restart keeps the delay', async (t) => {
  const world = createWorld();
  const first = start(t, world, { order: fail });
  await first.pass(61 * minuteMs);
  await first.close();
  const gaps = first.orderedAtMs
    .slice(1)
    .map((at, index) => Math.round((at - (first.orderedAtMs[index] ?? 0)) / minuteMs));
  assert.deepEqual(gaps, [1, 3, 9, 27]);
  assert.equal(first.lines.filter((line) => line.includes('the authority rejects it')).length, 5);
  const second = start(t, world);
  const startedAtMs = world.now;
  await second.pass(80 * minuteMs);
  assert.equal(second.orderedAtMs.length, 1);
  assert.ok((second.orderedAtMs[0] ?? 0) > startedAtMs + 40 * minuteMs);
});

test('a wrong clock, by which new certificates are due immediately, does not cause endless orders', async (t) => {
  const world = createWorld();
  world.now += 100 * 24 * hourMs;
  const { orderedAtMs, lines, pass } = start(t, world);
  await pass(hourMs);
  assert.equal(orderedAtMs.length, 5);
  assert.ok(lines.some((line) => line.includes('check the clock')));
});

test('a changed request does not wait for failures of the previous one', async (t) => {
  const world = createWorld();
  const first = start(t, world, { order: fail });
  await first.pass(30 * minuteMs);
  await first.close();
  const startedAtMs = world.now;
  const second = start(t, world, { request: { ...request, hosts: ['cache.test', 'www.cache.test'] } });
  await second.pass(minuteMs);
  assert.deepEqual(second.orderedAtMs, [startedAtMs]);
});

test('processes with an old and a new configuration do not order in turns', async (t) => {
  const world = createWorld();
  const both = ['a.test', 'b.test'];
  for (const [hosts, minutes, orders] of [
    [['a.test'], 4, 1],
    // The existing certificate is too young.
    [both, 4, 0],
    [both, 4, 1],
    // The existing certificate has all requested names.
    [['a.test'], 60, 0],
  ] as const) {
    const issuer = start(t, world, { request: { ...request, hosts } });
    await issuer.pass(minutes * minuteMs);
    await issuer.close();
    assert.equal(issuer.orderedAtMs.length, orders, hosts.join());
  }
});

test('nothing is ordered while another process orders, or while the store is unavailable', async (t) => {
  const world = createWorld();
  const busy = start(t, world, { withLease: async () => undefined });
  await busy.pass(hourMs);
  await busy.close();
  const blind = start(t, world, {
    state: { ...world.state, read: () => Promise.reject(new Error('the store is unavailable')) },
  });
  await blind.pass(hourMs);
  await blind.close();
  assert.deepEqual([...busy.orderedAtMs, ...blind.orderedAtMs], []);
  assert.equal(blind.lines.filter((line) => line.includes('the store is unavailable')).length, 1);
});

test('a new certificate is kept although the store is unavailable at first', async (t) => {
  const world = createWorld();
  let failures = 3;
  const { orderedAtMs, pass } = start(t, world, {
    state: {
      ...world.state,
      async write(name, text) {
        if (name === 'certificate' && (failures -= 1) >= 0) throw new Error('the store is unavailable');
        await world.state.write(name, text);
      },
    },
  });
  await pass(hourMs);
  assert.equal(orderedAtMs.length, 1);
  assert.ok(world.records.has('certificate'));
});

test('close aborts an order that hangs', async (t) => {
  const world = createWorld();
  const { promise: begun, resolve } = Promise.withResolvers<void>();
  const { close } = start(t, world, {
    order: ({ signal }) =>
      new Promise((_, reject) => {
        resolve();
        signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      }),
  });
  await begun;
  await close();
  assert.equal(world.records.has('attempt'), false, 'it does not count as a failure');
});

test('another key identifier creates another account, and another key starts a new attempt', async (t) => {
  const world = createWorld();
  const accounts: string[] = [];
  const keysOf = async (externalAccount: CertificateRequest['externalAccount'], order = issue) => {
    const issuer = start(t, world, {
      request: { ...request, externalAccount },
      order: async (ordered) => {
        accounts.push(ordered.accountKey);
        return order(ordered);
      },
    });
    await issuer.pass(1);
    await issuer.close();
  };
  await keysOf({ kid: 'us', hmacKey: 'wrong' }, fail);
  await keysOf({ kid: 'us', hmacKey: 'wrong' });
  assert.equal(accounts.length, 1, 'the failed attempt counts');
  await keysOf({ kid: 'us', hmacKey: 'right' }, fail);
  await keysOf({ kid: 'them', hmacKey: 'right' });
  assert.equal(accounts.length, 3);
  assert.equal(accounts[0], accounts[1]);
  assert.notEqual(accounts[1], accounts[2]);
  assert.doesNotMatch([...world.records.values()].join(''), /wrong|right/);
});

test('each failure delays the next attempt longer, up to four hours', () => {
  const minutes = [0, 1, 2, 3, 4, 5, 6].map((failures) => retryAfterMs(failures) / minuteMs);
  assert.deepEqual(minutes, [1, 3, 9, 27, 81, 240, 240]);
});

test('a request with other names, or another key of the account, has another id', () => {
  const bound = (hmacKey: string) => idOf({ ...request, externalAccount: { kid: 'kid', hmacKey } });
  const ids = [idOf(request), idOf({ ...request, hosts: ['other.test'] }), bound('one'), bound('two')];
  assert.equal(new Set(ids).size, ids.length);
  assert.equal(bound('one'), bound('one'));
  assert.ok(!bound('one').includes('"one"'));
});

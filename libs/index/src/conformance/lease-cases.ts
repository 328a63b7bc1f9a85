// Cases of leases and shared values, which expire by the clock of the index.
import assert from 'node:assert/strict';
import type { CacheIndexCases } from './index-under-test.ts';

export const leaseCases: CacheIndexCases = {
  async 'a lease has one owner until it expires or is released'({ index: { leases }, advance }) {
    assert.equal(await leases.acquire('rebuild', 'one', 60_000), true);
    assert.equal(await leases.acquire('rebuild', 'two', 60_000), false);
    assert.equal(await leases.acquire('another', 'two', 60_000), true);
    await leases.release('rebuild', 'two');
    assert.equal(await leases.acquire('rebuild', 'two', 60_000), false);
    await leases.release('rebuild', 'one');
    assert.equal(await leases.acquire('rebuild', 'two', 200), true);
    await advance(300);
    assert.equal(await leases.acquire('rebuild', 'one', 60_000), true);
    await leases.release('never acquired', 'one');
  },

  async 'an owner extends its lease'({ index: { leases }, advance }) {
    assert.equal(await leases.acquire('rebuild', 'one', 300), true);
    assert.equal(await leases.acquire('rebuild', 'one', 60_000), true);
    await advance(400);
    assert.equal(await leases.acquire('rebuild', 'two', 60_000), false);
  },

  async 'exactly one of many concurrent calls of acquire gets the lease'({ index: { leases } }) {
    const owners = Array.from({ length: 20 }, (_, number) => `owner-${number}`);
    const got = await Promise.all(owners.map(async (owner) => leases.acquire('rebuild', owner, 60_000)));
    assert.equal(got.filter(Boolean).length, 1);
  },

  async 'a value stays as last written until it expires or is removed'({ index: { values }, advance }) {
    assert.equal(await values.get('token'), undefined);
    await values.put('token', 'one', 60_000);
    await values.put('token', '{"ü":\n""}', 60_000);
    await values.put('other', '', 60_000);
    assert.equal(await values.get('token'), '{"ü":\n""}');
    assert.equal(await values.get('other'), '');
    await values.remove('token');
    await values.remove('token');
    assert.equal(await values.get('token'), undefined);
    await values.put('token', 'soon gone', 3000.5);
    assert.equal(await values.get('token'), 'soon gone');
    await advance(3100);
    assert.equal(await values.get('token'), undefined);
    assert.equal(await values.get('other'), '');
  },
};

// What holds for every client that knows another place to pull from: while the upstream is away, what is cached comes from
// the cache, and for the rest the client goes on to that place soon.
import { strict as assert } from 'node:assert';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { until } from '@cistern/single-node/until';
import { startDockerRegistry } from '@cistern/test-servers';
import type { Client } from './clients/client.ts';
import { type Passage, openPassage } from './open-passage.ts';
import { type Outage, type Rig, openRig } from './open-rig.ts';
import { ensureTestImages, testTag } from './test-images.ts';

/** Hosts and ports, in the order in which the client is to try them. */
interface Endpoints {
  readonly cache: string;
  readonly next: string;
}

export interface OutageSuite {
  readonly name: string;
  /** Debian's packages with the client. */
  readonly packages: readonly string[];
  open(endpoints: Endpoints): Promise<Client>;
}

const cached = 'library/multi';
/** One for each outage, asked for by nobody before. */
const uncached: Readonly<Record<Outage, string>> = {
  'says nothing': 'library/shell',
  'refuses connections': 'library/schema2',
};
const other = 'library/zstd';
const recoversWithinMs = 60_000;

/** Defines a suite. In the order of `outages`: from one in which connections are refused the upstream does not come back. */
export function describeOutage({ name, packages, open }: OutageSuite, outages: readonly Outage[]): void {
  describe(name, () => {
    const stack = new AsyncDisposableStack();
    after(() => stack.disposeAsync());
    let rig: Rig;
    let client: Client;
    let toCache: Passage;
    let toNext: Passage;
    const digestOf = new Map<string, string>();

    /** What `client.pull` promises, and that the content came from where it should. */
    async function pulls(repository: string, from: 'cache' | 'next'): Promise<number> {
      // real-time: only what the client sends from now on counts
      const beganAtMs = performance.now();
      const digests = await client.pull(referenceTo(repository));
      assert.ok(digests.includes(digestOf.get(repository) ?? ''), `${repository} is ${digests.join(', ')}`);
      await client.remove(referenceTo(repository));
      const cacheAtMs = toCache.firstSentAfter(beganAtMs);
      const nextAtMs = toNext.firstSentAfter(beganAtMs);
      assert.ok(cacheAtMs !== undefined, 'the cache was asked');
      assert.equal(nextAtMs !== undefined, from === 'next', 'the next endpoint was asked');
      return (nextAtMs ?? cacheAtMs) - cacheAtMs;
    }

    before(async () => {
      // Who waited for the headers would wait for longer than the test may take: silence alone ends the wait.
      rig = await openRig({ packages, upstream: { ttl: '0s', timeouts: { headers: '1h' } } });
      stack.defer(rig.close);
      const registry = await startDockerRegistry({ rootDirectory: join(await ensureTestImages(), 'docker.io') });
      stack.defer(registry.close);
      toCache = await openPassage(rig.cache);
      stack.defer(toCache.close);
      toNext = await openPassage(`127.0.0.1:${registry.port}`);
      stack.defer(toNext.close);
      client = await open({ cache: toCache.host, next: toNext.host });
      stack.defer(client.close);
      for (const repository of [cached, ...Object.values(uncached)])
        digestOf.set(repository, await rig.digestOf('docker.io', repository));
      await pulls(cached, 'cache');
    });

    for (const outage of outages)
      test(`the upstream ${outage}`, async (t) => {
        const restore = await rig.takeAway('docker.io', outage);
        const askedAfterMs = await pulls(uncached[outage], 'next');
        t.diagnostic(`the next endpoint was asked after ${Math.round(askedAfterMs)} ms`);
        await pulls(cached, 'cache');
        if (restore === undefined) return;
        restore();
        const url = `http://${rig.cache}/v2/${other}/manifests/${testTag}`;
        const isUsed = async () => (await fetch(url, { method: 'HEAD' })).ok;
        await until('the upstream is used again', isUsed, recoversWithinMs);
      });
  });
}

function referenceTo(repository: string): string {
  return `docker.io/${repository}:${testTag}`;
}

// The test suite of every client with a further endpoint. During an upstream outage cached images come from the cache,
// and the client soon pulls other images from that endpoint.
import { strict as assert } from 'node:assert';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { until } from '@cistern/single-node/until';
import { startDockerRegistry } from '@cistern/test-servers';
import type { Client } from './clients/client.ts';
import { type RecordingProxy, openRecordingProxy } from './open-recording-proxy.ts';
import { type Outage, type Rig, openRig } from './open-rig.ts';
import { ensureTestImages, testTag } from './test-images.ts';

/** Hosts and ports, in the order in which the client must try them. */
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
/** One repository for each outage, which has not been pulled before. */
const uncached: Readonly<Record<Outage, string>> = {
  'does not answer': 'library/shell',
  'refuses connections': 'library/schema2',
};
const other = 'library/zstd';
const recoversWithinMs = 60_000;

/** Defines a suite that runs `outages` in order. After refused connections the upstream does not recover. */
export function describeOutage({ name, packages, open }: OutageSuite, outages: readonly Outage[]): void {
  describe(name, () => {
    const stack = new AsyncDisposableStack();
    after(() => stack.disposeAsync());
    let rig: Rig;
    let client: Client;
    let toCache: RecordingProxy;
    let toNext: RecordingProxy;
    const digestOf = new Map<string, string>();

    /** Pulls and checks the digest and the source of the content. */
    async function pulls(repository: string, from: 'cache' | 'next'): Promise<number> {
      // real-time: only requests from now on count
      const beganAtMs = performance.now();
      const digests = await client.pull(referenceTo(repository));
      assert.ok(digests.includes(digestOf.get(repository) ?? ''), `${repository} is ${digests.join(', ')}`);
      await client.remove(referenceTo(repository));
      const cacheAtMs = toCache.firstSentAfter(beganAtMs);
      const nextAtMs = toNext.firstSentAfter(beganAtMs);
      assert.ok(cacheAtMs !== undefined, 'the cache got a request');
      assert.equal(nextAtMs !== undefined, from === 'next', 'the next endpoint got a request');
      return (nextAtMs ?? cacheAtMs) - cacheAtMs;
    }

    before(async () => {
      // The timeout for headers is longer than the test, so that only the one for silence ends the wait.
      rig = await openRig({ packages, upstream: { ttl: '0s', timeouts: { headers: '1h' } } });
      stack.defer(rig.close);
      const registry = await startDockerRegistry({ rootDirectory: join(await ensureTestImages(), 'docker.io') });
      stack.defer(registry.close);
      toCache = await openRecordingProxy(rig.cache);
      stack.defer(toCache.close);
      toNext = await openRecordingProxy(`127.0.0.1:${registry.port}`);
      stack.defer(toNext.close);
      client = await open({ cache: toCache.host, next: toNext.host });
      stack.defer(client.close);
      for (const repository of [cached, ...Object.values(uncached)])
        digestOf.set(repository, await rig.digestOf('docker.io', repository));
      await pulls(cached, 'cache');
    });

    for (const outage of outages)
      test(`the upstream ${outage}`, async (t) => {
        const restore = await rig.startOutage('docker.io', outage);
        const requestedAfterMs = await pulls(uncached[outage], 'next');
        t.diagnostic(`the next endpoint got a request after ${Math.round(requestedAfterMs)} ms`);
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

// An upstream whose blobs come as slowly as they may while nobody waits for them, and as fast as they can once somebody does.
import type { Digest } from '@cistern/oci';
import type { Upstream } from '@cistern/upstream';
import type { FillTable } from '@cistern/fills';
import type { Bandwidth } from '@cistern/runtime';

export interface PaceOptions {
  readonly bandwidth: Bandwidth;
  readonly fills: FillTable;
  readonly signal: AbortSignal;
}

export function paceUpstream(upstream: Upstream, { bandwidth, fills, signal }: PaceOptions): Upstream {
  const isWaitedFor = (digest: Digest) => {
    for (const fill of fills.all()) if (fill.digest === digest && fill.readers > 0) return true;
    return false;
  };
  return {
    ...upstream,
    async getBlob(repository, digest, options) {
      const opened = await upstream.getBlob(repository, digest, options);
      const ending = new AbortController();
      const signals = [ending.signal, signal, ...(options?.signal === undefined ? [] : [options.signal])];
      const body = paced(opened.body, (bytes) =>
        bandwidth.spend(bytes, () => isWaitedFor(digest), AbortSignal.any(signals)),
      );
      return {
        ...opened,
        body,
        close() {
          ending.abort(new Error('the body was closed'));
          opened.close();
        },
      };
    },
  };
}

async function* paced(body: AsyncIterable<Buffer>, spend: (bytes: number) => Promise<void>): AsyncGenerator<Buffer> {
  for await (const chunk of body) {
    // When its reader asks for the next one, it may have freed this one.
    const { length } = chunk;
    yield chunk;
    await spend(length);
  }
}

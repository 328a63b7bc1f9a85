// Questions to index and store, as parts of traces.
import type { BlobStore } from '@cistern/blob-store';
import type { CacheIndex } from '@cistern/index';
import type { RedisIndex } from '@cistern/index/redis';
import type { SpanAttributes, Tracing } from '@cistern/telemetry';
import { traceCalls } from './trace-calls.ts';

export function traceIndex<I extends CacheIndex | RedisIndex>(index: I, tracing: Tracing): I {
  const trace = <T extends object>(part: T, name: string, methods: readonly (keyof T & string)[]): T =>
    traceCalls(part, methods, tracing, { prefix: `index ${name}`, kind: 'client' });
  return {
    ...index,
    tags: trace(index.tags, 'tags', ['get', 'put', 'replace', 'remove']),
    manifests: trace(index.manifests, 'manifests', ['get', 'put']),
    blobs: trace(index.blobs, 'blobs', ['get', 'put', 'touch']),
    links: trace(index.links, 'links', ['get', 'put', 'holders', 'repositories']),
    fills: trace(index.fills, 'fills', ['read']),
  };
}

/** Of a blob that is read the opening. */
export function traceStore(store: BlobStore, tracing: Tracing): BlobStore {
  return traceCalls(store, ['stat', 'open', 'remove', 'readObject', 'writeObject', 'presign'], tracing, {
    prefix: 'store',
    kind: 'client',
    attributesOf: ([name]): SpanAttributes => ({ 'cistern.object': typeof name === 'string' ? name : undefined }),
  });
}

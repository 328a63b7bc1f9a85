// One fill with a scripted upstream, a store in memory and a spool of small segments.
import { mkdtemp, rm } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { BlobStore } from '@cistern/blob-store';
import { createMemoryStore } from '@cistern/blob-store/memory';
import { parseDigest, parseRepositoryName } from '@cistern/oci';
import { bytesOf } from '@cistern/oci/testing';
import type { SourceReader } from '@cistern/streams';
import { createLogger } from '@cistern/telemetry';
import type { FillOptions, FillRange } from '../fill/fill-options.ts';
import { startFill } from '../fill/fill.ts';
import { openSpoolDirectory } from '../spool/spool-directory.ts';
import { type Answer, type ScriptedGet, scriptUpstream } from './script-upstream.ts';

export interface TestFillOptions extends Partial<Omit<FillOptions, 'store'>> {
  readonly size: number;
  readonly segmentBytes: number;
  readonly chunkBytes?: number;
  readonly perFillBytes?: number;
  readonly isOneFile?: boolean;
  readonly answer?: (get: ScriptedGet) => Answer;
  readonly wrapStore?: (store: BlobStore) => BlobStore;
}

export async function startTestFill(t: TestContext, options: TestFillOptions) {
  const { size, segmentBytes, chunkBytes = 50_000, perFillBytes = Infinity, answer = () => ({}), ...rest } = options;
  const directory = await mkdtemp(join(tmpdir(), 'cistern-fill-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const bytes = bytesOf(size);
  const digest = parseDigest(`sha256:${createHash('sha256').update(bytes).digest('hex')}`);
  const upstream = scriptUpstream({ bytes, chunkBytes, answer });
  const memory = createMemoryStore();
  const store = options.wrapStore?.(memory) ?? memory;
  const spools = await openSpoolDirectory(directory, {
    maxBytes: perFillBytes,
    perFillBytes,
    leastSegmentBytes: segmentBytes,
  });
  const stopping = new AbortController();
  const fill = startFill({
    fillId: 'fill',
    digest,
    upstream: { name: 'docker.io', getBlob: (_, __, range = {}) => upstream.get(range), headBlob: async () => size },
    repository: parseRepositoryName('library/app'),
    expectedSize: size,
    from: 0,
    toExclusive: undefined,
    maxWholeForRangeBytes: Infinity,
    spools,
    log: createLogger({ level: 'error', formatter: 'json', destination: { write() {} } }),
    signal: stopping.signal,
    ...rest,
    store,
  });
  const open = (range: Partial<FillRange> = {}): SourceReader =>
    fill.open({ from: 0, toExclusive: size, verified: true, ...range })!;
  return {
    bytes,
    digest,
    fill,
    gets: upstream.gets,
    open,
    spools,
    stopping,
    store,
    sentBytes: () => upstream.sentBytes,
  };
}

/** Reads all bytes of a reader, from its position to the end. */
export async function readAll(reader: SourceReader, onRead: () => Promise<unknown> | undefined = () => undefined) {
  const into = Buffer.alloc(100_000);
  const chunks: Buffer[] = [];
  for (let length = await reader.read(into); length > 0; length = await reader.read(into)) {
    chunks.push(Buffer.from(into.subarray(0, length)));
    await onRead();
  }
  return Buffer.concat(chunks);
}

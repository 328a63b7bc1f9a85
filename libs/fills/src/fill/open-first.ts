// The first upstream request of a fill, and the size of the blob: from the manifest that names it, upstream's answer, or
// upstream's HEAD. They must agree. Space in the spool is reserved before a body is read: for a range, its own.
import { CacheError } from '@cistern/errors';
import type { UpstreamBlobBody } from '@cistern/upstream';
import { isNoRange, nearBytes } from './fetchers.ts';
import { fetchInto } from './fetch-into.ts';
import type { FillOptions } from './fill.ts';
import type { Interval, Spool } from './spool.ts';

export interface FirstAnswer {
  readonly spool: Spool;
  /** The body to go on with; absent when it has been read whole to learn its size, or nobody need be asked for that. */
  readonly first: UpstreamBlobBody | undefined;
  /** Set if `first` brings just this range. */
  readonly range: { readonly from: number; readonly toExclusive: number } | undefined;
}

/** A body whose length nobody tells is read to its end first; beyond this, or the whole spool, it is refused. */
const maxUnknownBytes = 1024 * 1024 * 1024;
const reserveStepBytes = 16 * 1024 * 1024;

export async function openFirst(options: FillOptions): Promise<FirstAnswer> {
  const { upstream, repository, digest, expectedSize, takenOverSize, signal } = options;
  if (takenOverSize !== undefined) {
    const spool = await options.spools.open(options.fillId, takenOverSize, signal);
    return { range: undefined, first: undefined, spool };
  }
  const range = firstRange(options);
  const knownBytes = range === undefined ? expectedSize : range.toExclusive - range.from;
  if (knownBytes !== undefined) await options.spools.admit(knownBytes);
  await passOnIfFull(options, knownBytes ?? 0);
  if (range !== undefined) {
    try {
      const first = await upstream.getBlob(repository, digest, { ...range, signal });
      const rangeBytes = range.toExclusive - range.from;
      return { range, first, spool: await openWith(options, first, first.totalSize, rangeBytes) };
    } catch (error) {
      if (!isNoRange(error)) throw error;
    }
  }
  const first = await upstream.getBlob(repository, digest, { signal });
  const size = first.totalSize ?? expectedSize ?? (await headSize(options));
  if (size === undefined) return { range: undefined, first: undefined, spool: await readWhole(options, first) };
  return { range: undefined, first, spool: await openWith(options, first, size) };
}

/** Before upstream is asked: another worker may have room now, and here a fetch would wait for some. */
async function passOnIfFull({ spools, handsOn }: FillOptions, bytes: number): Promise<void> {
  const shortage = spools.findShortage(bytes);
  if (shortage !== undefined && (await handsOn?.(shortage)) === true) throw shortage;
}

/** A small range far into the blob is fetched by itself, so that its reader does not wait for all before it. */
function firstRange({ from, toExclusive, expectedSize, maxWholeForRangeBytes }: FillOptions) {
  if (expectedSize === undefined || toExclusive === undefined) return undefined;
  const far = from > nearBytes;
  const tooLarge = expectedSize > maxWholeForRangeBytes && toExclusive - from < expectedSize / 2;
  if (from >= expectedSize || !(far || tooLarge)) return undefined;
  return { from, toExclusive: Math.min(toExclusive, expectedSize) };
}

async function openWith(
  options: FillOptions,
  first: UpstreamBlobBody,
  size: number | undefined,
  reserveBytes?: number,
): Promise<Spool> {
  try {
    const { expectedSize } = options;
    if (size !== undefined && expectedSize !== undefined && size !== expectedSize)
      throw new CacheError(
        'content-mismatch',
        `Upstream ${options.upstream.name} says that ${options.digest} has ${size} bytes, its manifest says ${expectedSize}.`,
        { retryable: true },
      );
    return await options.spools.open(options.fillId, (size ?? expectedSize)!, options.signal, reserveBytes);
  } catch (error) {
    first.close();
    throw error;
  }
}

/** `undefined` where a registry refuses HEAD or says no length: the body's own end then tells the size. */
function headSize({ upstream, repository, digest, signal }: FillOptions): Promise<number | undefined> {
  return upstream.headBlob(repository, digest, { signal }).catch(() => undefined);
}

function takeAll(start: number, endExclusive: number): Interval[] {
  return start < endExclusive ? [{ start, endExclusive }] : [];
}

async function readWhole(options: FillOptions, first: UpstreamBlobBody): Promise<Spool> {
  const { spools, fillId, signal } = options;
  const maxBytes = Math.min(maxUnknownBytes, spools.maxBytes);
  const spool = await spools.open(fillId, maxBytes, signal, 0).catch((error: unknown) => {
    first.close();
    throw error;
  });
  let reservedBytes = 0;
  const write = async (offset: number, chunks: readonly Buffer[]) => {
    const end = chunks.reduce((sum, chunk) => sum + chunk.length, offset);
    for (; reservedBytes < end; reservedBytes += reserveStepBytes) await spool.reserve(reserveStepBytes, signal);
    await spool.write(offset, chunks);
  };
  const stretch = { next: 0, endExclusive: maxBytes };
  try {
    await fetchInto({ opened: first, bodyEnd: Infinity, stretch, take: takeAll, write });
    if (stretch.next < maxBytes) return { ...spool, size: stretch.next };
    throw new CacheError(
      'content-mismatch',
      `Upstream ${options.upstream.name} sends a blob without a length, and no end of it within ${maxBytes} bytes.`,
    );
  } catch (error) {
    await spool.close();
    throw error;
  }
}

// Clients read more blobs than the store can hold: of all sizes, whole and in part, and some abandon their reads.
// Meanwhile the size of the store is sampled.
// real-time: the load runs for a time, and the store is sampled at an interval
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { Agent, get, type IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { createRandom, type Random } from '@cistern/single-node/random';
import { type FakeUpstream, seededBody } from '@cistern/fake-upstream';

export interface ThrashPlan {
  readonly seed: number;
  /** Bytes of all blobs together, and of the largest blob. */
  readonly workingBytes: number;
  readonly largestBytes: number;
  readonly clients: number;
  /** The least duration. On a slow machine the load continues until twice the store's limit has been fetched. */
  readonly forMs: number;
  /** Above this number of bytes the store frees space. */
  readonly highBytes: number;
}

export interface ThrashedStore {
  readonly upstream: FakeUpstream;
  /** The addresses that clients use in turn. */
  readonly places: readonly { readonly url: string }[];
  /** Bytes in the store, as the store itself reports. */
  storedBytes(): Promise<number>;
  /** Bytes of the fills in flight. */
  fillingBytes(): Promise<number>;
}

export interface Thrashed {
  readonly reads: number;
  readonly aborted: number;
  readonly bytesRead: number;
  readonly bytesFetched: number;
  /**
   * The most bytes that the store held above its high watermark, and the bytes of fills in flight then or a moment
   * before.
   */
  readonly worstExcessBytes: number;
  readonly fillsThenBytes: number;
  readonly samples: number;
}

/** The gap between the limit and the high watermark, as a share of the limit. */
export const marginShare = 0.05;

/**
 * The store never held more above its high watermark than the fills in flight, or than the gap between watermark and
 * limit.
 */
export function assertKept(thrashed: Thrashed, { maxBytes }: { readonly maxBytes: number }): void {
  const { worstExcessBytes, fillsThenBytes, bytesFetched } = thrashed;
  assert.ok(bytesFetched > maxBytes, 'more was fetched than the store can hold');
  const mayBytes = Math.max(maxBytes * marginShare, fillsThenBytes);
  assert.ok(worstExcessBytes <= mayBytes, `${worstExcessBytes} bytes too many, of ${mayBytes}`);
}

interface Wanted {
  readonly digest: string;
  readonly size: number;
  readonly seed: string;
}

const repository = 'library/app';
const sampleEveryMs = 250;
/** For this long, an ended fill may be missing in the store, or a stored blob may still count as a fill. */
const momentMs = 2_000;
/** The least number of samples. On a stalled machine, time passes and nothing else happens. */
const momentSamples = momentMs / sampleEveryMs;

/** Rejects if a reader gets a wrong byte, too few bytes or none, and if the store holds more than its limit. */
export async function thrashStore(store: ThrashedStore, plan: ThrashPlan): Promise<Thrashed> {
  const { upstream, places } = store;
  const blobs = addBlobs(upstream, plan);
  const agent = new Agent({ keepAlive: true });
  const until = performance.now() + plan.forMs;
  const fetched = () => blobs.reduce((sum, { digest }) => sum + upstream.bytesSent(digest), 0);
  const continues = () => performance.now() < until || fetched() < 2 * plan.highBytes;
  const totals = { reads: 0, aborted: 0, bytesRead: 0 };
  const client = async (number: number) => {
    const random = createRandom(plan.seed * 1000 + number);
    for (let turn = number; continues(); turn += 1) {
      // The first blobs are requested more often.
      const blob = blobs[Math.min(random.between(0, blobs.length - 1), random.between(0, blobs.length - 1))]!;
      const { bytes, left } = await readOne(agent, places[turn % places.length]!.url, blob, random);
      totals.reads += 1;
      totals.bytesRead += bytes;
      if (left) totals.aborted += 1;
    }
  };
  const ending = new AbortController();
  const watching = watchStore(store, plan.highBytes, ending.signal);
  try {
    await Promise.all(Array.from({ length: plan.clients }, (_, number) => client(number)));
  } finally {
    ending.abort();
    agent.destroy();
  }
  return { ...totals, bytesFetched: fetched(), ...(await watching) };
}

function addBlobs(upstream: FakeUpstream, { seed, workingBytes, largestBytes }: ThrashPlan): Wanted[] {
  const random = createRandom(seed);
  const blobs: Wanted[] = [];
  for (let left = workingBytes; left > 0; left -= blobs.at(-1)!.size) {
    // Most blobs are small, and most bytes are in large blobs.
    const size = Math.max(1_000, Math.floor(largestBytes * (random.between(1, 1000) / 1000) ** 2));
    const name = `thrash ${seed} ${blobs.length}`;
    blobs.push({ size, seed: name, digest: upstream.addBlob(repository, { size, seed: name }).digest });
  }
  return blobs;
}

async function readOne(
  agent: Agent,
  url: string,
  { digest, size, seed }: Wanted,
  random: Random,
): Promise<{ readonly bytes: number; readonly left: boolean }> {
  const isRange = random.between(0, 9) === 0;
  const start = isRange ? random.between(0, size - 1) : 0;
  const end = isRange ? random.between(start, Math.min(size - 1, start + 4_000_000)) : size - 1;
  const leaveAfter = random.between(0, 3) === 0 ? random.between(0, end - start) : Infinity;
  const headers = isRange ? { range: `bytes=${start}-${end}` } : {};
  const where = `${digest} ${start}-${end} of ${size}`;
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(`${url}/v2/${repository}/blobs/${digest}`, { agent, headers }, resolve).on('error', reject);
  });
  assert.equal(response.statusCode, isRange ? 206 : 200, where);
  assert.equal(Number(response.headers['content-length']), end + 1 - start, where);
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    hash.update(chunk);
    bytes += chunk.length;
    if (bytes > leaveAfter) {
      response.destroy();
      return { bytes, left: true };
    }
  }
  assert.ok(response.complete && bytes === end + 1 - start, `${where}: ${bytes} bytes arrived`);
  assert.equal(`sha256:${hash.digest('hex')}`, isRange ? hashOfRange(size, seed, start, end) : digest, where);
  return { bytes, left: false };
}

function hashOfRange(size: number, seed: string, start: number, end: number): string {
  const hash = createHash('sha256');
  for (const chunk of seededBody({ size, seed }).read(start, end + 1)) hash.update(chunk);
  return `sha256:${hash.digest('hex')}`;
}

async function watchStore(store: ThrashedStore, highBytes: number, signal: AbortSignal) {
  const filling: { readonly atMs: number; readonly bytes: number }[] = [];
  const worst = { worstExcessBytes: 0, fillsThenBytes: 0, samples: 0 };
  let worstBeyondFills = -Infinity;
  while (!signal.aborted) {
    const [stored, bytes] = await Promise.all([store.storedBytes(), store.fillingBytes()]);
    const atMs = performance.now();
    filling.push({ atMs, bytes });
    while (filling.length > momentSamples && atMs - filling[0]!.atMs > momentMs) filling.shift();
    const fillsThenBytes = Math.max(...filling.map((one) => one.bytes));
    const excess = stored - highBytes;
    worst.samples += 1;
    if (excess - fillsThenBytes > worstBeyondFills && excess > 0) {
      worstBeyondFills = excess - fillsThenBytes;
      Object.assign(worst, { worstExcessBytes: excess, fillsThenBytes });
    }
    await delay(sampleEveryMs, undefined, { signal }).catch(() => {});
  }
  return worst;
}

// Operations on fills, and on the deletions that they exclude. An owner knows of a fill only the answer to its last
// claim.
import type { CacheIndex, FillRecord } from '@cistern/index';
import type { Digest } from '@cistern/oci';
import fc from 'fast-check';
import { blobRecord } from './blob-operations.ts';
import { operation, type Operations, type Subject } from './operation.ts';
import { digest, leaseMs, owner, repositoryKey, size, time } from './samples.ts';

const failure = fc.constantFrom(
  { kind: 'content-mismatch' as const, message: 'The bytes do not match.' },
  { kind: 'overloaded' as const, message: '', retryAfterMs: 100 },
);
/** The generation that a claim replaces. `ahead` is a generation of a clock that is ahead. */
const replaced = fc.constantFrom('none', 'the last', 'its own', 'ahead');
const aheadMs = 3_600_000;

export const fillOperations: Operations = {
  'fills.read': operation([digest], async (subject, of) => seen(subject, await subject.index.fills.read(of))),
  'fills.claim': operation(
    [digest, owner, replaced, fc.constantFrom('interactive' as const, 'background' as const), repositoryKey, leaseMs],
    async (subject, of, by, replaces, fillClass, source, forMs) => {
      const claim = { digest: of, owner: by, class: fillClass, source, leaseMs: forMs };
      const rest = { fillId: `of ${by}`, address: 'http://worker-1:5002' };
      const answer = await subject.index.fills.claim({
        ...claim,
        ...rest,
        replaces: await find(subject, claim, replaces),
      });
      await passIf(subject, forMs);
      if (answer === undefined || 'unsettledForMs' in answer) return answer;
      subject.claims.set(`${of} ${by}`, answer);
      return seen(subject, answer);
    },
    6,
  ),
  'fills.running': operation(
    [digest, owner, size, fc.constantFrom({}, { protocol: 2, signature: 'signed' })],
    ({ index }, of, by, bytes, signature) => index.fills.running(of, by, bytes, signature),
    3,
  ),
  'fills.heartbeat': operation(
    [digest, owner, fc.constantFrom(undefined, 7), fc.constantFrom(600_000, 0, 1)],
    async (subject, of, by, bytes, forMs) => {
      const known = subject.claims.get(`${of} ${by}`);
      if (known === undefined) return 'never claimed';
      const record: FillRecord = bytes === undefined ? known : { ...known, state: 'running', size: bytes };
      const answer = await subject.index.fills.heartbeat(record, forMs);
      await passIf(subject, forMs);
      return answer;
    },
    4,
  ),
  'fills.done': operation(
    [owner, blobRecord],
    ({ index }, by, blob) => index.fills.done(blob.digest, by, { ...blob, state: 'present' }),
    3,
  ),
  'fills.failed': operation([digest, owner, failure, leaseMs], async (subject, of, by, why, keepMs) => {
    const answer = await subject.index.fills.failed(of, by, why, keepMs);
    await passIf(subject, keepMs);
    return answer;
  }),
  'fills.beginDeletions': operation(
    [fc.uniqueArray(digest, { maxLength: 3 }), fc.oneof(time, fc.constant(Infinity)), owner, leaseMs],
    async (subject, of, lastPulledAtMs, by, forMs) => {
      const victims = of.map((one) => ({ digest: one, lastPulledAtMs }));
      const answer = await subject.index.fills.beginDeletions(victims, by, forMs);
      await passIf(subject, forMs);
      return answer.toSorted();
    },
    6,
  ),
  'fills.endDeletions': operation(
    [fc.uniqueArray(digest, { maxLength: 3 }), owner, fc.constantFrom('gone' as const, 'kept' as const)],
    async ({ index }, of, by, end) => (await index.fills.endDeletions(of, by, end)).toSorted(),
    3,
  ),
};

/** Returns a record without its times. `place` replaces its generation: its rank among those of the digest. */
export function seen({ generations }: Subject, record: FillRecord | undefined): unknown {
  if (record === undefined) return undefined;
  const { expiresAtMs: _, generation, ...rest } = record;
  const ofDigest = generations.get(record.digest) ?? new Set();
  generations.set(record.digest, ofDigest.add(generation));
  return { ...rest, place: [...ofDigest].filter((other) => other < generation).length };
}

async function find(
  { index, claims }: Subject,
  { digest: of, owner: by }: { readonly digest: Digest; readonly owner: string },
  replaces: string,
): Promise<number> {
  const last = await lastOf(index, of);
  if (replaces === 'the last') return last;
  if (replaces === 'its own') return claims.get(`${of} ${by}`)?.generation ?? 0;
  return replaces === 'none' ? 0 : last + aheadMs;
}

async function lastOf({ fills }: CacheIndex, of: Digest): Promise<number> {
  return (await fills.read(of))?.generation ?? 0;
}

/**
 * Waits after a short lease. No sequence takes ten minutes, so long leases never end; short ones end before the next
 * call.
 */
async function passIf(subject: Subject, ms: number): Promise<void> {
  if (ms <= 1) await subject.pass();
}

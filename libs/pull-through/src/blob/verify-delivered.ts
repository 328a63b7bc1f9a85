// Whether bytes that a reader passed on, before their worker was lost, are those of the blob that has been verified since.
import { checksumOf, type DeliveredBytes } from '@cistern/streams';
import type { Digest } from '@cistern/oci';
import type { FillAccess } from '@cistern/fills';
import { type OpenStoredDeps, type StoredRange, openStored } from '@cistern/content';

export interface VerifyDeliveredDeps extends OpenStoredDeps {
  readonly fillAccess: FillAccess;
}

/** A fill ends, and its bytes go to the store, while one looks for them. */
const maxLooks = 3;
const pauseMs = 200;
const maxReadMs = 60_000;

/** False too where nobody can tell. `size`: of the whole blob. */
export async function verifyDelivered(
  deps: VerifyDeliveredDeps,
  { digest, size }: { readonly digest: Digest; readonly size: number },
  { from, endExclusive, checksum }: DeliveredBytes,
): Promise<boolean> {
  if (from === endExclusive) return true;
  for (let look = 0; look < maxLooks; look += 1) {
    const record = await deps.index.fills.read(digest).catch(() => undefined);
    const there = record?.state === 'running' ? await deps.fillAccess.checksum(record, from, endExclusive) : undefined;
    if (there !== undefined) return there === checksum;
    const inStore = await checksumStored(deps, { digest, size, from, toExclusive: endExclusive }).catch(
      () => undefined,
    );
    if (inStore !== undefined) return inStore === checksum;
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  return false;
}

async function checksumStored(
  deps: VerifyDeliveredDeps,
  range: Pick<StoredRange, 'digest' | 'size' | 'from' | 'toExclusive'>,
): Promise<number | undefined> {
  const stored = await openStored(deps, {
    ...range,
    verified: true,
    checked: false,
    signal: AbortSignal.timeout(maxReadMs),
  });
  return stored && checksumOf(stored);
}

// Objects of the store that cannot be removed or read, while the rest of the store works.
import { isAmong, type ObjectFaults } from '../../cluster/object-faults.ts';
import { pause } from '../../cluster/pause.ts';
import type { Act } from '../apply-faults.ts';
import { type FaultKind, isPermanent, type PlannedFault } from '../fault-plan.ts';

const leastShare = 0.03;
const mostShare = 0.3;

const isNoContent = (key: string) => key.startsWith('cistern/');

export interface StoreActsOptions {
  readonly objects: ObjectFaults;
  /** True if bytes are damaged in this run. A damaged object that cannot be removed is not repaired. */
  readonly isDamaged: boolean;
  readonly trace: (text: string) => void;
}

export function createStoreActs({ objects, isDamaged, trace }: StoreActsOptions): Partial<Record<FaultKind, Act>> {
  const harm = (fault: keyof ObjectFaults, mayStay: (key: string) => boolean) => async (planned: PlannedFault) => {
    const { kind, target, other, lastsMs, degree } = planned;
    const share = leastShare + degree * (mostShare - leastShare);
    const isHarmed = (key: string) => isAmong(key, share, target * 101 + other);
    trace(`${kind}: a share of ${share.toFixed(2)}`);
    objects[fault] = isHarmed;
    await pause(lastsMs);
    objects[fault] = (key) => isPermanent(planned) && mayStay(key) && isHarmed(key);
    trace(`${kind} is over${isPermanent(planned) ? ' for some of them' : ''}`);
  };
  return {
    'undeletable objects': harm('isUndeletable', (key) => !isDamaged || isNoContent(key)),
    // In the end all content must be served, so only objects that are not content may stay unreadable.
    'unreadable objects': harm('isUnreadable', isNoContent),
  };
}

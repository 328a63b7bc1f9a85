// The epoch of an index that loses nothing without its process: no fill outlives it, so claims need not wait.
import type { EpochIndex } from '../epoch.ts';

export interface NeverLostOptions {
  readonly isComplete: () => Promise<boolean>;
  readonly markComplete: () => Promise<void>;
  /** Throws `index-unavailable` when the index cannot answer. */
  readonly checkAvailable: () => void;
}

export function createNeverLost({ isComplete, markComplete, checkAvailable }: NeverLostOptions): EpochIndex {
  return {
    async settle() {
      checkAvailable();
    },
    isComplete,
    async current() {
      checkAvailable();
      return '1';
    },
    async markComplete() {
      await markComplete();
      return true;
    },
  };
}

// How long a call may go on: until its caller's signal fires, its owner ends it, or a deadline that can be moved passes.
import { setAwakeTimeout } from '@cistern/runtime';

export interface Lifetime {
  readonly signal: AbortSignal;
  /** From now; replaces an earlier deadline. */
  setDeadline(afterMs: number): void;
  clearDeadline(): void;
  abort(reason: unknown): void;
  /** Lets go of the caller's signal and of the timer. */
  release(): void;
}

export function startLifetime(parent: AbortSignal | undefined, onDeadline: () => Error): Lifetime {
  const controller = new AbortController();
  let cancelDeadline: (() => void) | undefined;
  const onParentAbort = (): void => controller.abort(parent?.reason);
  if (parent?.aborted === true) onParentAbort();
  else parent?.addEventListener('abort', onParentAbort, { once: true });
  return {
    signal: controller.signal,
    setDeadline(afterMs) {
      cancelDeadline?.();
      cancelDeadline = setAwakeTimeout(() => controller.abort(onDeadline()), afterMs);
    },
    clearDeadline: () => cancelDeadline?.(),
    abort: (reason) => controller.abort(reason),
    release() {
      cancelDeadline?.();
      parent?.removeEventListener('abort', onParentAbort);
    },
  };
}

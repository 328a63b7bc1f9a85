// Keeps listening for changes of the index, from whenever it can.
import { setTimeout as delay } from 'node:timers/promises';
import type { PubSub } from '../pubsub.ts';
import { changesTopic } from '../index-changes.ts';

export interface FollowChangesOptions {
  readonly pubsub: PubSub;
  readonly onChange: (name: string) => void;
  /** Listening has begun, or changes may have been missed. */
  readonly onGap: () => void;
}

export interface FollowedChanges {
  readonly isListening: () => boolean;
  close(): void;
}

const retryAfterMs = 1000;

export function followChanges({ pubsub, onChange, onGap }: FollowChangesOptions): FollowedChanges {
  const closing = new AbortController();
  let end: (() => void) | undefined;

  function hear(message: string | undefined): void {
    if (message === undefined) return onGap();
    for (const name of message.split('\n')) onChange(name);
  }

  async function listen(): Promise<void> {
    while (end === undefined) {
      try {
        const unsubscribe = await pubsub.subscribe(changesTopic, hear);
        if (closing.signal.aborted) return unsubscribe();
        end = unsubscribe;
        onGap();
      } catch {
        // Whoever needs the index finds out, and says so, that it cannot be reached.
        await delay(retryAfterMs, undefined, { ref: false, signal: closing.signal });
      }
    }
  }

  listen().catch(() => {});
  return {
    isListening: () => end !== undefined && !closing.signal.aborted,
    close() {
      closing.abort();
      end?.();
    },
  };
}

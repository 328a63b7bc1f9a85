// What a client gets from our token endpoint where upstreams verify their callers: what it has shown there, sealed, for
// some minutes. So every frontend can show it to an upstream, and none has to keep it.
import type { Seal } from '@cistern/runtime';
import type { CallerCredentials } from '@cistern/upstream';

export interface ShownCaller {
  readonly caller: CallerCredentials;
  /** With a token of ours: when it ends, in milliseconds since the epoch. A token bought with it ends then, too. */
  readonly untilMs?: number | undefined;
}

export interface CallerTokens {
  issue(shown: ShownCaller): { readonly token: string; readonly expiresInSeconds: number };
  /** `undefined`: not issued here, or too long ago. */
  open(token: string): ShownCaller | undefined;
  /** Whether it was issued by a cache like this, whenever. */
  isOurs(token: string): boolean;
}

interface TokenContent {
  readonly schema: 1;
  readonly caller: CallerCredentials;
  /** Milliseconds since the epoch. */
  readonly untilMs: number;
}

/** Clients do not use a token of less than a minute to the end. */
const lifetimeMs = 300_000;
const prefix = 'cistern.';
const sealName = 'caller token';

export function createCallerTokens({ seal, now }: { readonly seal: Seal; readonly now: () => number }): CallerTokens {
  return {
    issue({ caller, untilMs = now() + lifetimeMs }) {
      const content: TokenContent = { schema: 1, caller, untilMs };
      return {
        token: prefix + seal.close(sealName, JSON.stringify(content)),
        expiresInSeconds: Math.max(1, Math.floor((untilMs - now()) / 1000)),
      };
    },
    open(token) {
      const text = token.startsWith(prefix) ? seal.open(sealName, token.slice(prefix.length)) : undefined;
      if (text === undefined) return undefined;
      const { caller, untilMs } = JSON.parse(text) as TokenContent;
      return untilMs > now() ? { caller, untilMs } : undefined;
    },
    isOurs: (token) => token.startsWith(prefix),
  };
}

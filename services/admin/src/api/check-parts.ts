// How the parts of the cache are, each asked now.
import { within } from '@cistern/runtime';
import type { State } from './nodes.ts';

/** By name; each rejects with the reason if that part cannot do its work now. */
export type PartChecks = Readonly<Record<string, () => Promise<void>>>;

const checkLimitMs = 3000;

export async function checkParts(checks: PartChecks): Promise<Pick<State, 'healthy' | 'parts'>> {
  const states = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => [name, await stateOf(check)] as const),
  );
  return { healthy: states.every(([, state]) => state === 'ok'), parts: Object.fromEntries(states) };
}

async function stateOf(check: () => Promise<void>): Promise<string> {
  try {
    await within(check(), checkLimitMs);
    return 'ok';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

// Whose code runs: the simulated process that planned an event also gets it, unless it is frozen or gone by then.
import { AsyncLocalStorage } from 'node:async_hooks';
import type { PlannedEvent } from './schedule.ts';

export interface Owner {
  readonly name: string;
  state: 'running' | 'frozen' | 'dead';
  /** What became due while it was frozen, in order. */
  readonly held: PlannedEvent[];
}

const owners = new AsyncLocalStorage<Owner | undefined>();

export function createOwner(name: string): Owner {
  return { name, state: 'running', held: [] };
}

export function currentOwner(): Owner | undefined {
  return owners.getStore();
}

/** Runs `work`, and all that it begins, as `owner`'s; `undefined`: as the world's own. */
export function runAs<T>(owner: Owner | undefined, work: () => T): T {
  return owners.run(owner, work);
}

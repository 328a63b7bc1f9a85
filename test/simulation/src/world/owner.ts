// The owner of running code. An event runs as the simulated process that planned it, unless that process is frozen or
// dead by then.
import { AsyncLocalStorage } from 'node:async_hooks';
import type { PlannedEvent } from './schedule.ts';

export interface Owner {
  readonly name: string;
  state: 'running' | 'frozen' | 'dead';
  /** Events that became due while the process was frozen, in order. */
  readonly held: PlannedEvent[];
}

const owners = new AsyncLocalStorage<Owner | undefined>();

export function createOwner(name: string): Owner {
  return { name, state: 'running', held: [] };
}

export function currentOwner(): Owner | undefined {
  return owners.getStore();
}

/** Runs `work`, and all that it starts, as `owner`'s code. Undefined means the world's own code. */
export function runAs<T>(owner: Owner | undefined, work: () => T): T {
  return owners.run(owner, work);
}

// A simulated process that runs the product's code, and the controls that kill, freeze, end or restart it.
import { isCacheError } from '@cistern/errors';
import { type Owner, createOwner, runAs } from '../world/owner.ts';
import { freezeProcess, killProcess, leftOf, wakeProcess } from '../world/processes.ts';
import { pause } from './pause.ts';

export interface ControlledProcess {
  readonly name: string;
  /** Its state is `dead` until the process has started. */
  readonly owner: Owner;
  kill(): Promise<void>;
  freeze(): void;
  wake(): void;
  /** Sends SIGTERM and resolves when the process has ended. */
  terminate(graceMs: number): Promise<void>;
  /** Sends SIGTERM. Resolves to descriptions of everything that prevents the process from ending. */
  end(graceMs: number): Promise<string[]>;
  /** Starts another process with the same name and address. */
  restart(): Promise<void>;
}

interface Closable {
  close(graceMs: number): Promise<void>;
}

interface StartedProcess<T> {
  readonly owner: Owner;
  /** The result of `open`. */
  readonly current: T;
  readonly controls: Omit<ControlledProcess, 'owner'>;
}

/** Pause before the restart of a process that ended because the store was unavailable at its startup. */
const restartMs = 500;
const isOfStore = (error: unknown) =>
  isCacheError(error, 'store-unavailable') || (error instanceof Error && 'code' in error && error.code === 'EIO');

/** Time that sockets need to close. */
const lingerMs = 500;

/** The functions in `ends` are called when the process is killed. */
export async function startProcess<T extends Closable>(
  name: string,
  open: (owner: Owner, ends: Set<() => void>) => Promise<T>,
): Promise<StartedProcess<T>> {
  let owner: Owner;
  let ends: Set<() => void>;
  let current: T;
  const start = async () => {
    for (;;) {
      const next = { owner: createOwner(name), ends: new Set<() => void>() };
      try {
        current = await runAs(next.owner, () => open(next.owner, next.ends));
        ({ owner, ends } = next);
        return;
      } catch (error) {
        if (!isOfStore(error)) throw error;
        kill(next.owner, next.ends);
        await pause(restartMs);
      }
    }
  };
  const die = () => kill(owner, ends);
  await start();
  return {
    get owner() {
      return owner;
    },
    get current() {
      return current;
    },
    controls: {
      name,
      async kill() {
        die();
      },
      freeze: () => freezeProcess(owner),
      wake: () => wakeProcess(owner),
      async terminate(graceMs) {
        await runAs(owner, () => current.close(graceMs));
        die();
      },
      async end(graceMs) {
        if (owner.state === 'dead') return [];
        await runAs(owner, () => current.close(graceMs));
        await pause(lingerMs);
        const left = leftOf(owner).map((leftover) => `${name} leaves ${leftover}`);
        die();
        return left;
      },
      restart: start,
    },
  };
}

function kill(owner: Owner, ends: ReadonlySet<() => void>): void {
  killProcess(owner);
  for (const end of ends) end();
}

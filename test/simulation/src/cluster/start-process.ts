// A simulated process that runs the product's code, and what can befall it.
import { type Owner, createOwner, runAs } from '../world/owner.ts';
import { freezeProcess, killProcess, leftOf, wakeProcess } from '../world/processes.ts';
import { pause } from './pause.ts';

export interface ControlledProcess {
  readonly name: string;
  /** Dead until the process has started. */
  readonly owner: Owner;
  kill(): Promise<void>;
  freeze(): void;
  wake(): void;
  /** SIGTERM; resolves when it has ended. */
  terminate(graceMs: number): Promise<void>;
  /** SIGTERM; resolves with what keeps it from ending by itself. */
  end(graceMs: number): Promise<string[]>;
  /** Another process with the same name and address. */
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

/** Sockets need it to close. */
const lingerMs = 500;

/** `ends`: called when the process is killed. */
export async function startProcess<T extends Closable>(
  name: string,
  open: (owner: Owner, ends: Set<() => void>) => Promise<T>,
): Promise<StartedProcess<T>> {
  let owner: Owner;
  let ends: Set<() => void>;
  let current: T;
  const start = async () => {
    const next = { owner: createOwner(name), ends: new Set<() => void>() };
    current = await runAs(next.owner, () => open(next.owner, next.ends));
    ({ owner, ends } = next);
  };
  const die = () => {
    killProcess(owner);
    for (const end of ends) end();
  };
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
        const left = leftOf(owner).map((what) => `${name} leaves ${what}`);
        die();
        return left;
      },
      restart: start,
    },
  };
}

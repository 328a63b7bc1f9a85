// Isolates a test from a node, which handles the signals and uncaught errors of its process and exits the process.
import { AsyncLocalStorage } from 'node:async_hooks';

export interface TakenProcess {
  /** Runs `work`. In code that `work` starts, `process.exit` returns instead of ending the test's process. */
  run<T>(work: () => T): T;
  /** Resolves to the exit code of the first call of `process.exit`. */
  readonly exit: Promise<number>;
  /** Removes the listeners that were added to `process` after `takeOverProcess`, except those of the event `exit`. */
  release(): void;
}

const onExit = new AsyncLocalStorage<(code: number) => void>();
let isReplaced = false;

export function takeOverProcess(): TakenProcess {
  replaceExit();
  const { promise, resolve } = Promise.withResolvers<number>();
  const before = new Map(process.eventNames().map((name) => [name, process.rawListeners(name)]));
  return {
    run: (work) => onExit.run(resolve, work),
    exit: promise,
    release() {
      for (const name of process.eventNames().filter((event) => event !== 'exit'))
        for (const listener of process.rawListeners(name))
          if (before.get(name)?.includes(listener) !== true) process.off(name, listener as () => void);
    },
  };
}

function replaceExit(): void {
  if (isReplaced) return;
  isReplaced = true;
  const { exit } = process;
  process.exit = ((code) => {
    const report = onExit.getStore();
    if (report === undefined) return exit(code);
    return report(Number(code ?? 0));
  }) as typeof process.exit;
}

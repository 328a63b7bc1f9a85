// A node takes over its process for good: signals, uncaught errors and the exit. A test takes them back.
import { AsyncLocalStorage } from 'node:async_hooks';

export interface TakenProcess {
  /** Code that `work` starts runs on after `process.exit`, and never ends the process of the test. */
  run<T>(work: () => T): T;
  /** The code of the first `process.exit`. */
  readonly exit: Promise<number>;
  /** Removes the listeners that came since, except those of the exit. */
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

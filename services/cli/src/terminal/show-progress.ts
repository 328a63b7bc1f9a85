// How far a long command is: one line that changes on a terminal, a line now and then elsewhere.
import type { Terminal } from './terminal.ts';

export interface ProgressLine {
  /** Says how far it is now. */
  show(text: string): void;
  /** Leaves the terminal at the beginning of an empty line. */
  end(): void;
}

const plainEveryMs = 10_000;
const clearLine = '\r\u001B[K';

export function showProgress({ stderr }: Pick<Terminal, 'stderr'>, now: () => number): ProgressLine {
  if (stderr.isTTY === true)
    return {
      show: (text) => void stderr.write(`${clearLine}${text}`),
      end: () => void stderr.write(clearLine),
    };
  let shownAtMs = now();
  return {
    show(text) {
      if (now() - shownAtMs < plainEveryMs) return;
      shownAtMs = now();
      stderr.write(`${text}\n`);
    },
    end() {},
  };
}

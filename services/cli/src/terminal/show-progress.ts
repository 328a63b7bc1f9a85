// Shows the progress of a long command: one changing line on a terminal, elsewhere at most one new line in ten seconds.
import type { Terminal } from './terminal.ts';

export interface ProgressLine {
  /** Shows the current progress. */
  show(text: string): void;
  /** On a terminal, clears the line and leaves the cursor at the beginning of the line. */
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

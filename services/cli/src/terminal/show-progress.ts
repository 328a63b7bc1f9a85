// Shows the progress of a long command: one changing line on a terminal, a new line every ten seconds elsewhere.
import type { Terminal } from './terminal.ts';

export interface ProgressLine {
  /** Shows the current progress. */
  show(text: string): void;
  /** Clears the line and leaves the cursor at its beginning. */
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

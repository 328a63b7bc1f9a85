// The standard output of a command that runs in the test's process. The output is a file, because a node writes its log
// to a file descriptor.
import { fstatSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Output {
  /** Stays open until the process ends, because a node can write log lines after its command has ended. */
  readonly fd: number;
  write(text: string): void;
  /** Returns the text that has been written so far. */
  text(): string;
}

export function openOutput(): Output {
  const directory = mkdtempSync(join(tmpdir(), 'cistern-output-'));
  const fd = openSync(join(directory, 'stdout'), 'w+');
  rmSync(directory, { recursive: true });
  return {
    fd,
    write: (text) => void writeSync(fd, text),
    text() {
      const bytes = Buffer.alloc(fstatSync(fd).size);
      return bytes.toString('utf8', 0, readSync(fd, bytes, 0, bytes.length, 0));
    },
  };
}

// The standard output of a command that runs in the test's process. It is a file, because a node's log writes to a
// descriptor.
import { fstatSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Output {
  /** Stays open until the process ends: a line of the log may come after the command's end. */
  readonly fd: number;
  write(text: string): void;
  /** Returns the text so far. */
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

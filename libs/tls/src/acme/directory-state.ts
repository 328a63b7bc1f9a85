// Keeps the account and the certificate of a single node in a directory that only the user of the process can read. It
// is the directory of registry:2's setting `cachefile`.
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ignoreMissing, replaceFile } from '@cistern/runtime';
import type { AcmeState } from './acme-state.ts';

/** The directory is created with the first record. */
export function directoryState(directory: string): AcmeState {
  const pathOf = (name: string) => join(directory, `${name}.json`);
  return {
    read: (name) => readFile(pathOf(name), 'utf8').catch(ignoreMissing),
    async write(name, text) {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      await replaceFile(pathOf(name), text);
    },
  };
}

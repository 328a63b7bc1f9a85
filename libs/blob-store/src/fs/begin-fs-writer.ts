// Writes one blob into a file of the spool directory and moves it into place when it is complete.
import { randomUUID } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { BlobWriter } from '../blob-store.ts';
import { fileMode, type Placer } from './create-placer.ts';
import { attempt } from './store-error.ts';

export interface FsWriterOptions {
  readonly spoolDirectory: string;
  /** Where the file goes. */
  readonly target: string;
  readonly placer: Placer;
}

export async function beginFsWriter({ spoolDirectory, target, placer }: FsWriterOptions): Promise<BlobWriter> {
  const path = join(spoolDirectory, randomUUID());
  const file = await attempt('begin a blob', async () => open(path, 'wx', fileMode));
  let ended = false;

  async function drop(): Promise<void> {
    await file.close();
    await rm(path, { force: true });
  }

  function checkOngoing(): void {
    if (ended) throw new Error('the blob writer has ended');
  }

  return {
    async append(chunk) {
      checkOngoing();
      await attempt('write a blob', async () => file.writeFile(chunk));
    },
    async commit() {
      checkOngoing();
      ended = true;
      await attempt('commit a blob', async () => {
        try {
          await file.sync();
          await file.close();
          await placer.place(path, target);
        } catch (error) {
          // What cannot be removed now is swept later; the first error is the one to tell.
          await drop().catch(() => undefined);
          throw error;
        }
      });
    },
    async abort() {
      if (ended) return;
      ended = true;
      await attempt('drop an unfinished blob', drop);
    },
  };
}

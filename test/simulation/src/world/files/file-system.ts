// Implements `node:fs/promises` for paths below the simulated root. Each call is an event of its caller, after some
// time.
import type { Owner } from '../owner.ts';
import { plan } from '../schedule.ts';
import { createRandom, type Random } from '../random.ts';
import { clock } from '../clock.ts';
import { systemError } from '../network/system-error.ts';
import { createDisk } from './disk.ts';

export const simulatedRoot = '/simulated';

export interface FileSystemState {
  random: Random;
  maxLatencyMs: number;
  /** Number of bytes that fit on the simulated disk. Writes beyond it fail with ENOSPC. */
  capacityBytes: number;
  /** Reports whether a write to that file finds no space. */
  isFull: ((path: string) => boolean) | undefined;
  /** Called before each operation takes effect. The operation fails with the error that it throws. */
  onOperation: ((operation: string, path: string) => void) | undefined;
  /** Handles that are open now. */
  readonly open: Set<{ readonly path: string; readonly owner: Owner | undefined }>;
}

export const disk = createDisk();

export const fileSystem: FileSystemState = {
  random: createRandom(1),
  maxLatencyMs: 0.1,
  capacityBytes: Infinity,
  isFull: undefined,
  onOperation: undefined,
  open: new Set(),
};

export function resetFileSystem(seed: number): void {
  disk.clear();
  disk.create(simulatedRoot, 'directory', clock.now());
  disk.syncNames();
  fileSystem.open.clear();
  const harmless = { capacityBytes: Infinity, isFull: undefined, onOperation: undefined };
  Object.assign(fileSystem, { random: createRandom(seed), ...harmless });
}

/** Runs `work` as an event of the caller. If the caller is dead by then, `work` does not run. */
export function operate<T>(operation: string, path: string, work: () => T): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  plan(
    fileSystem.random.fraction() * fileSystem.maxLatencyMs,
    () => {
      try {
        fileSystem.onOperation?.(operation, path);
        resolve(work());
      } catch (error) {
        reject(error);
      }
    },
    { label: `fs ${operation}` },
  );
  return promise;
}

export function fileError(code: string, operation: string, path: string): Error {
  return Object.assign(systemError(code, operation), { path, message: `${code}: ${operation} '${path}'` });
}

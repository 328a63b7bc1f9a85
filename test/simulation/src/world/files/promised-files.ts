// `node:fs/promises` in two parts: paths below the simulated root belong to the world, all other paths to the machine.
import { clock } from '../clock.ts';
import { type Inode, makeDurable, writeAt } from './disk.ts';
import { openHandle, statOf } from './file-handle.ts';
import { divide, type Functions, isSimulated } from './divide.ts';
import { disk, fileError, fileSystem, operate, simulatedRoot } from './file-system.ts';

interface RemoveOptions {
  readonly force?: boolean;
  readonly recursive?: boolean;
}

interface TextOptions {
  readonly encoding?: BufferEncoding;
}

const parentOf = (path: string) => path.slice(0, path.lastIndexOf('/'));
const nameOf = (path: string) => path.slice(path.lastIndexOf('/') + 1);

function found(operation: string, path: string): Inode {
  const inode = disk.find(path);
  if (inode === undefined) throw fileError('ENOENT', operation, path);
  return inode;
}

function make(operation: string, path: string, kind: Inode['kind']): Inode {
  if (found(operation, parentOf(path)).kind !== 'directory') throw fileError('ENOTDIR', operation, path);
  return disk.create(path, kind, clock.now());
}

function openInode(path: string, flags: string): Inode {
  const existing = disk.find(path);
  if (existing !== undefined) {
    if (flags.includes('x')) throw fileError('EEXIST', 'open', path);
    if (existing.kind === 'directory' && flags !== 'r') throw fileError('EISDIR', 'open', path);
    if (flags.startsWith('w')) Object.assign(existing, { bytes: Buffer.alloc(0), size: 0 });
    return existing;
  }
  if (flags.startsWith('r')) throw fileError('ENOENT', 'open', path);
  return make('open', path, 'file');
}

function makeDirectories(path: string): void {
  if (path === simulatedRoot || disk.find(path)?.kind === 'directory') return;
  makeDirectories(parentOf(path));
  make('mkdir', path, 'directory');
}

function removeTree(path: string, { force = false, recursive = false }: RemoveOptions): void {
  const inode = disk.find(path);
  if (inode === undefined) {
    if (force) return;
    throw fileError('ENOENT', 'rm', path);
  }
  if (inode.kind === 'directory' && !recursive) throw fileError('ERR_FS_EISDIR', 'rm', path);
  for (const below of disk.list(path, true)) disk.remove(below);
  disk.remove(path);
}

function entriesOf(operation: string, path: string) {
  if (found(operation, path).kind !== 'directory') throw fileError('ENOTDIR', operation, path);
  return disk.list(path).map((child) => {
    const { kind } = disk.find(child)!;
    const name = nameOf(child);
    return {
      name,
      parentPath: path,
      isFile: () => kind === 'file',
      isDirectory: () => kind === 'directory',
      isSymbolicLink: () => false,
    };
  });
}

const encodingOf = (options: BufferEncoding | TextOptions | undefined) =>
  typeof options === 'object' ? options.encoding : options;

/** The functions of `node:fs/promises` that the product uses. */
export const simulatedFiles = {
  async open(path: string, flags: string = 'r') {
    const inode = await operate('open', path, () => openInode(path, flags));
    return openHandle(path, inode, flags.startsWith('a'));
  },
  mkdir: (path: string, options?: { readonly recursive?: boolean }) =>
    operate('mkdir', path, () => {
      if (options?.recursive === true) return makeDirectories(path);
      if (disk.find(path) !== undefined) throw fileError('EEXIST', 'mkdir', path);
      make('mkdir', path, 'directory');
      return undefined;
    }),
  rm: (path: string, options: RemoveOptions = {}) => operate('rm', path, () => removeTree(path, options)),
  unlink: (path: string) =>
    operate('unlink', path, () => {
      if (found('unlink', path).kind === 'directory') throw fileError('EISDIR', 'unlink', path);
      disk.remove(path);
    }),
  rmdir: (path: string) =>
    operate('rmdir', path, () => {
      if (found('rmdir', path).kind !== 'directory') throw fileError('ENOTDIR', 'rmdir', path);
      if (disk.list(path).length > 0) throw fileError('ENOTEMPTY', 'rmdir', path);
      disk.remove(path);
    }),
  rename: (from: string, to: string) =>
    operate('rename', from, () => {
      found('rename', from);
      found('rename', parentOf(to));
      if (disk.find(to)?.kind === 'directory') throw fileError('EISDIR', 'rename', to);
      disk.rename(from, to);
    }),
  readdir: (path: string, options?: { readonly recursive?: boolean; readonly withFileTypes?: boolean }) =>
    operate('readdir', path, () => {
      const entries = entriesOf('readdir', path);
      if (options?.withFileTypes === true) return entries;
      if (options?.recursive !== true) return entries.map(({ name }) => name);
      return disk.list(path, true).map((child) => child.slice(path.length + 1));
    }),
  async opendir(path: string) {
    const entries = await operate('opendir', path, () => entriesOf('opendir', path));
    return {
      async *[Symbol.asyncIterator]() {
        yield* entries;
      },
      async close() {},
    };
  },
  stat: (path: string) => operate('stat', path, () => statOf(found('stat', path))),
  statfs: (path: string) =>
    operate('statfs', path, () => {
      const blocks = Math.min(fileSystem.capacityBytes, 2 ** 50);
      const free = Math.max(0, blocks - disk.usedBytes);
      return { type: 0, bsize: 1, blocks, bfree: free, bavail: free, files: 0, ffree: 0 };
    }),
  readFile: (path: string, options?: BufferEncoding | TextOptions) =>
    operate('readFile', path, () => {
      const { bytes, size } = found('open', path);
      const encoding = encodingOf(options);
      const copy = Buffer.from(bytes.subarray(0, size));
      return encoding === undefined ? copy : copy.toString(encoding);
    }),
  writeFile: (path: string, data: string | Uint8Array) =>
    operate('writeFile', path, () => {
      const bytes = typeof data === 'string' ? Buffer.from(data) : data;
      writeAt(openInode(path, 'w'), bytes, 0);
    }),
  utimes: (path: string, _accessed: unknown, modified: Date | number) =>
    operate('utimes', path, () => {
      found('utimes', path).modifiedAtMs = typeof modified === 'number' ? modified * 1000 : modified.getTime();
    }),
  mkdtemp: (prefix: string) =>
    operate('mkdtemp', prefix, () => {
      const path = `${prefix}${fileSystem.random(2 ** 31).toString(36)}`;
      makeDirectories(path);
      makeDurable(found('mkdtemp', path));
      return path;
    }),
};

/** `machine` holds the module's own functions, which still serve all other paths. */
export const dividedFiles = (machine: Functions): Functions => divide(machine, simulatedFiles, isSimulated);

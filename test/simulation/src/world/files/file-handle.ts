// An open simulated file.
import { currentOwner } from '../owner.ts';
import { clock } from '../clock.ts';
import { type Inode, makeDurable, writeAt } from './disk.ts';
import { disk, fileError, fileSystem, operate } from './file-system.ts';

export function openHandle(path: string, inode: Inode, appends: boolean) {
  const entry = { path, owner: currentOwner() };
  fileSystem.open.add(entry);
  let isClosed = false;
  let position = 0;

  const act = <T>(operation: string, work: () => T): Promise<T> =>
    operate(operation, path, () => {
      if (isClosed) throw fileError('EBADF', operation, path);
      return work();
    });

  const write = (bytes: Uint8Array, at: number) => {
    const more = Math.max(0, at + bytes.length - inode.size);
    if (disk.usedBytes + more > fileSystem.capacityBytes || fileSystem.isFull?.(path) === true)
      throw fileError('ENOSPC', 'write', path);
    writeAt(inode, bytes, at);
    inode.modifiedAtMs = clock.now();
  };

  const readAt = (into: Uint8Array, offset: number, length: number, at: number): number => {
    const count = Math.max(0, Math.min(length, inode.size - at));
    into.set(inode.bytes.subarray(at, at + count), offset);
    return count;
  };

  const handle = {
    writev: (chunks: readonly Uint8Array[], at?: number) =>
      act('writev', () => {
        let next = at ?? (appends ? inode.size : position);
        const from = next;
        for (const chunk of chunks) {
          write(chunk, next);
          next += chunk.length;
        }
        if (at === undefined) position = next;
        return { bytesWritten: next - from, buffers: chunks };
      }),
    write: (bytes: Uint8Array, offset = 0, length = bytes.length - offset, at?: number | null) =>
      act('write', () => {
        const from = at ?? (appends ? inode.size : position);
        write(bytes.subarray(offset, offset + length), from);
        if (at === undefined || at === null) position = from + length;
        return { bytesWritten: length, buffer: bytes };
      }),
    /** Writes from the end of the last operation, as Node does. */
    writeFile: (data: string | Uint8Array) =>
      act('writeFile', () => {
        const bytes = typeof data === 'string' ? Buffer.from(data) : data;
        write(bytes, position);
        position += bytes.length;
      }),
    read: (into: Uint8Array, offset = 0, length = into.length - offset, at?: number | null) =>
      act('read', () => {
        const from = at ?? position;
        const bytesRead = readAt(into, offset, length, from);
        if (at === undefined || at === null) position += bytesRead;
        return { bytesRead, buffer: into };
      }),
    readFile: (encoding?: BufferEncoding) =>
      act('readFile', () => {
        const bytes = Buffer.from(inode.bytes.subarray(position, inode.size));
        position = inode.size;
        return encoding === undefined ? bytes : bytes.toString(encoding);
      }),
    stat: () => act('fstat', () => statOf(inode)),
    truncate: (size = 0) =>
      act('ftruncate', () => {
        inode.size = size;
        if (inode.bytes.length < size) writeAt(inode, Buffer.alloc(0), size);
      }),
    sync: () => act('fsync', () => (inode.kind === 'directory' ? disk.syncNames() : makeDurable(inode))),
    datasync: () => act('fdatasync', () => makeDurable(inode)),
    chmod: () => act('fchmod', () => {}),
    chown: () => act('fchown', () => {}),
    async close() {
      if (isClosed) throw fileError('EBADF', 'close', path);
      isClosed = true;
      fileSystem.open.delete(entry);
      await operate('close', path, () => {});
    },
    async [Symbol.asyncDispose]() {
      if (!isClosed) await handle.close();
    },
  };
  return handle;
}

export function statOf(inode: Inode) {
  const { size, modifiedAtMs, kind, id } = inode;
  const isFile = () => kind === 'file';
  const isDirectory = () => kind === 'directory';
  const times = { mtimeMs: modifiedAtMs, ctimeMs: modifiedAtMs, mtime: new Date(modifiedAtMs) };
  return {
    size,
    ...times,
    ino: id,
    uid: 0,
    gid: 0,
    mode: 0o644,
    nlink: 1,
    dev: 1,
    isFile,
    isDirectory,
    isSymbolicLink: () => false,
  };
}

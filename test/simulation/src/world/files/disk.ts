// Files in memory that track which state is durable: data after an fsync of the file, names after an fsync of a
// directory.
import type { Random } from '../random.ts';

export interface Inode {
  readonly id: number;
  readonly kind: 'file' | 'directory';
  bytes: Buffer;
  size: number;
  /** The contents that are certainly on the disk. */
  durable: { readonly bytes: Buffer; readonly size: number };
  modifiedAtMs: number;
}

type Names = Map<string, Inode>;

export interface Disk {
  find(path: string): Inode | undefined;
  /** Paths of the entries of a directory. With `deep`, also the entries of its subdirectories. */
  list(path: string, deep?: boolean): string[];
  create(path: string, kind: Inode['kind'], nowMs: number): Inode;
  remove(path: string): void;
  rename(from: string, to: string): void;
  /** Makes all present names durable, as an fsync of a directory does. */
  syncNames(): void;
  readonly usedBytes: number;
  /**
   * The machine below `path` loses its power. A random prefix of the unsynced name changes survives. Unsynced data may
   * survive whole, in part or not at all.
   */
  crash(path: string, random: Random): void;
  clear(): void;
}

interface Change {
  readonly path: string;
  apply(names: Names): void;
}

const noBytes = Buffer.alloc(0);

export function createDisk(): Disk {
  let names: Names = new Map();
  const durableNames: Names = new Map();
  let changes: Change[] = [];
  let ids = 0;

  const change = (path: string, apply: Change['apply']) => {
    apply(names);
    changes.push({ path, apply });
  };

  return {
    find: (path) => names.get(path),
    list(path, deep = false) {
      const prefix = `${path}/`;
      return [...names.keys()].filter(
        (name) => name.startsWith(prefix) && (deep || !name.includes('/', prefix.length)),
      );
    },
    create(path, kind, nowMs) {
      ids += 1;
      const inode: Inode = {
        id: ids,
        kind,
        bytes: noBytes,
        size: 0,
        durable: { bytes: noBytes, size: 0 },
        modifiedAtMs: nowMs,
      };
      change(path, (current) => void current.set(path, inode));
      return inode;
    },
    remove(path) {
      change(path, (current) => void current.delete(path));
    },
    rename(from, to) {
      change(to, (current) => {
        const inode = current.get(from);
        if (inode === undefined) return;
        current.delete(from);
        current.set(to, inode);
      });
    },
    syncNames() {
      for (const { apply } of changes) apply(durableNames);
      changes = [];
    },
    get usedBytes() {
      return new Set(names.values()).values().reduce((sum, { size }) => sum + size, 0);
    },
    crash(path, random) {
      const isBelow = (name: string) => name === path || name.startsWith(`${path}/`);
      const own = changes.filter((one) => isBelow(one.path));
      for (const { apply } of own.slice(0, random(own.length + 1))) apply(durableNames);
      changes = changes.filter((one) => !isBelow(one.path));
      const others = [...names].filter(([name]) => !isBelow(name));
      const left = [...durableNames].filter(([name]) => isBelow(name));
      for (const [, inode] of left) loseUnsynced(inode, random);
      names = new Map([...others, ...left]);
    },
    clear() {
      names.clear();
      durableNames.clear();
      changes = [];
    },
  };
}

/** Loses unsynced data: its end is then missing or consists of zeros. */
function loseUnsynced(inode: Inode, random: Random): void {
  const { durable } = inode;
  if (inode.kind === 'directory' || (durable.bytes === inode.bytes && durable.size === inode.size)) return;
  const kept = random(inode.size + 1);
  const bytes = Buffer.from(durable.bytes.subarray(0, durable.size));
  const size = random.chance(0.5) ? durable.size : Math.max(durable.size, kept);
  const after = Buffer.alloc(Math.max(size, bytes.length));
  bytes.copy(after);
  inode.bytes.copy(after, 0, 0, Math.min(kept, size));
  Object.assign(inode, { bytes: after, size, durable: { bytes: after, size } });
}

export function makeDurable(inode: Inode): void {
  inode.durable = { bytes: Buffer.from(inode.bytes.subarray(0, inode.size)), size: inode.size };
}

export function writeAt(inode: Inode, bytes: Uint8Array, position: number): void {
  const end = position + bytes.length;
  if (inode.bytes.length < end) {
    const grown = Buffer.alloc(Math.max(end, inode.bytes.length * 2));
    inode.bytes.copy(grown, 0, 0, inode.size);
    inode.bytes = grown;
  }
  inode.bytes.set(bytes, position);
  inode.size = Math.max(inode.size, end);
}

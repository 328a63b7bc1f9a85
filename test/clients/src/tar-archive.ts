// A plain ustar writer, so that test layers have the same bytes on every machine.

export interface TarEntry {
  readonly path: string;
  readonly mode?: number;
  readonly bytes?: Uint8Array;
  /** Target of a symbolic link. `bytes` is then ignored. */
  readonly linkTo?: string;
}

const blockBytes = 512;

/** Returns an uncompressed archive. A path that ends in `/` is a directory; paths have at most 100 bytes. */
export function tarArchive(entries: readonly TarEntry[]): Buffer {
  const blocks = entries.flatMap((entry) => {
    const body = entry.linkTo === undefined ? (entry.bytes ?? Buffer.alloc(0)) : Buffer.alloc(0);
    return [tarHeader(entry, body.length), body, Buffer.alloc(-body.length & (blockBytes - 1))];
  });
  return Buffer.concat([...blocks, Buffer.alloc(2 * blockBytes)]);
}

function tarHeader(entry: TarEntry, sizeBytes: number): Buffer {
  const header = Buffer.alloc(blockBytes);
  const octal = (value: number, offset: number, length: number) =>
    header.write(`${value.toString(8).padStart(length - 1, '0')}\0`, offset, 'latin1');
  const isDirectory = entry.path.endsWith('/');
  header.write(entry.path, 0, 100, 'latin1');
  octal(entry.mode ?? (isDirectory ? 0o755 : 0o644), 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(sizeBytes, 124, 12);
  octal(0, 136, 12);
  header.write(' '.repeat(8), 148, 'latin1');
  header.write(entry.linkTo === undefined ? (isDirectory ? '5' : '0') : '2', 156, 'latin1');
  header.write(entry.linkTo ?? '', 157, 100, 'latin1');
  header.write('ustar\x0000', 257, 'latin1');
  // The checksum counts its own field as spaces.
  const checksum = header.reduce((sum, byte) => sum + byte, 0);
  header.write(`${checksum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return header;
}

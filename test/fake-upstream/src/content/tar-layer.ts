// A layer that real clients can unpack: a tar archive (POSIX ustar) with one file.
import { type Body, bytesBody, concatBodies } from './body.ts';

const blockBytes = 512;

/** Returns an uncompressed archive. The content of the file is read only when the layer is read. */
export function tarLayer(fileName: string, file: Body): Body {
  const padding = (blockBytes - (file.size % blockBytes)) % blockBytes;
  // An archive ends with two blocks of zeros.
  const archive = concatBodies([
    bytesBody(header(fileName, file.size)),
    file,
    bytesBody(Buffer.alloc(padding + 2 * blockBytes)),
  ]);
  return file.identity === undefined ? archive : { ...archive, identity: `tar ${fileName} ${file.identity}` };
}

function octal(value: number, length: number): string {
  return value.toString(8).padStart(length - 1, '0');
}

function header(fileName: string, size: number): Buffer {
  const block = Buffer.alloc(blockBytes);
  block.write(fileName, 0, 100);
  block.write(octal(0o644, 8), 100);
  block.write(octal(0, 8), 108);
  block.write(octal(0, 8), 116);
  block.write(octal(size, 12), 124);
  block.write(octal(0, 12), 136);
  // The checksum is computed with spaces in its own field.
  block.write(' '.repeat(8), 148);
  block.write('0', 156);
  block.write('ustar\u000000', 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${octal(sum, 7)}\u0000 `, 148);
  return block;
}

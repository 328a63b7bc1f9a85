// A cheap witness of bytes that were passed on before they could be verified: enough to tell later whether the bytes that
// were verified are the same ones. Not a digest: who wants to deceive a client by it still has the client's own check.
import { crc32 } from 'node:zlib';
import type { SourceReader } from './byte-source.ts';

const readBytes = 1024 * 1024;

/** CRC-32 of everything that `reader` gives, which is closed then. */
export async function checksumOf(reader: Pick<SourceReader, 'read' | 'close'>): Promise<number> {
  const buffer = Buffer.allocUnsafe(readBytes);
  let checksum = 0;
  try {
    for (let length = await reader.read(buffer); length > 0; length = await reader.read(buffer))
      checksum = crc32(buffer.subarray(0, length), checksum);
    return checksum;
  } finally {
    await reader.close();
  }
}

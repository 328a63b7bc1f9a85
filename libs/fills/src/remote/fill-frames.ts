// How a fill's bytes travel from its worker to a frontend: frames of a type, a length and that many bytes. Silence then
// means that the worker is gone, and an end of the connection without an end frame that it broke.
import type { CrcTable } from '@cistern/oci';
import { protocol } from './peer-keys.ts';

/** In every path of the protocol, so that two releases can run side by side. */
export const protocolPath = `/v${protocol}/fills`;
/** The headers of `present` that say where its bytes begin and end. */
export const presentStartHeader = 'x-cistern-present-start';
export const presentEndHeader = 'x-cistern-present-end';

export const frameTypes = {
  /** Nothing new, but the worker lives. Empty. */
  heartbeat: 0,
  data: 1,
  /**
   * Everything that was asked for has been sent; where verification was asked for, it has been waited for. The blob's table of
   * checksums, or nothing in its place, and a MAC.
   */
  end: 2,
  /** The fill has failed. JSON of `FailureFrame`. */
  failed: 3,
  /** Another worker goes on with the fill. Empty. */
  moved: 4,
  /** The store has the blob, and the rest comes from there. A MAC. */
  stored: 5,
} as const;

export interface FailureFrame {
  readonly kind: string;
  readonly message: string;
  readonly retryable: boolean;
  readonly retryAfterMs?: number | undefined;
}

export const headerBytes = 5;
/** While nothing else is sent. */
export const heartbeatMs = 1_000;
/** Silence for as long means that the worker is gone: several heartbeats, for a busy one may be late. */
export const silenceMs = 4_000;
/** The bound for frames that are not data. A table of 10,000 segments takes 40 KB. */
export const maxControlBytes = 64 * 1024;

/** Writes a header at the start of `into`. */
export function writeFrameHeader(into: Buffer, type: number, length: number): void {
  into.writeUInt8(type, 0);
  into.writeUInt32BE(length, 1);
}

export function encodeFrame(type: number, ...payload: readonly Uint8Array[]): Buffer {
  const length = payload.reduce((sum, part) => sum + part.length, 0);
  const header = Buffer.alloc(headerBytes);
  writeFrameHeader(header, type, length);
  return Buffer.concat([header, ...payload], headerBytes + length);
}

const segmentBytesLength = 8;
const crcLength = 4;

/** Bytes of a segment in eight bytes, and four for the CRC-32 of each. No table is no bytes. */
export function encodeTable(table: CrcTable | undefined): Buffer {
  if (table === undefined) return Buffer.alloc(0);
  const { segmentBytes, crcs } = table;
  const bytes = Buffer.alloc(segmentBytesLength + crcLength * crcs.length);
  bytes.writeBigUInt64BE(BigInt(segmentBytes), 0);
  for (const [at, crc] of crcs.entries()) bytes.writeUInt32BE(crc, segmentBytesLength + crcLength * at);
  return bytes;
}

/** The reverse of `encodeTable`, for what it has made. */
export function parseTable(bytes: Buffer): CrcTable | undefined {
  if (bytes.length === 0) return undefined;
  const count = Math.floor((bytes.length - segmentBytesLength) / crcLength);
  const crcs = Array.from({ length: count }, (_, at) => bytes.readUInt32BE(segmentBytesLength + crcLength * at));
  return { segmentBytes: Number(bytes.readBigUInt64BE(0)), crcs };
}

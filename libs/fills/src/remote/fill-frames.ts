// Frames carry a fill's bytes from its worker to another node. A frame contains a type, a length, and a payload of that length. A
// worker without new bytes sends heartbeats, so silence means that it is unavailable. A connection that ends without a final
// frame has broken.
import type { CrcTable } from '@cistern/oci';
import { protocol } from './peer-keys.ts';

/** The start of every path of the protocol. It contains the version, so that two releases can run in one cluster. */
export const protocolPath = `/v${protocol}/fills`;
/** The response headers of `present` with the start and the end of the bytes. */
export const presentStartHeader = 'x-cistern-present-start';
export const presentEndHeader = 'x-cistern-present-end';

export const frameTypes = {
  /** The worker is alive but has no new bytes. Empty. */
  heartbeat: 0,
  data: 1,
  /**
   * All requested bytes have been sent, and the blob is verified if the request had `verified=1`. Contains the encoded table of
   * checksums, which can be empty, and a MAC.
   */
  end: 2,
  /** The fill has failed. Contains the JSON of `FailureFrame`. */
  failed: 3,
  /** Another worker continues the fill. Empty. */
  moved: 4,
  /** The store has the blob, so the reader reads the rest there. Contains a MAC. */
  stored: 5,
} as const;

export interface FailureFrame {
  readonly kind: string;
  readonly message: string;
  readonly retryable: boolean;
  readonly retryAfterMs?: number | undefined;
}

export const headerBytes = 5;
/** The interval of heartbeats while nothing else is sent. */
export const heartbeatMs = 1_000;
/**
 * A worker that sends nothing for this long counts as unavailable. The time spans several heartbeats, because a busy worker may
 * be late.
 */
export const silenceMs = 4_000;
/** The largest payload of a frame that is not data. For comparison, a table of 10,000 segments takes 40 KB. */
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

/**
 * Encodes the bytes per segment in eight bytes, and the CRC-32 of each segment in four. An undefined table is encoded as an empty
 * buffer.
 */
export function encodeTable(table: CrcTable | undefined): Buffer {
  if (table === undefined) return Buffer.alloc(0);
  const { segmentBytes, crcs } = table;
  const bytes = Buffer.alloc(segmentBytesLength + crcLength * crcs.length);
  bytes.writeBigUInt64BE(BigInt(segmentBytes), 0);
  for (const [at, crc] of crcs.entries()) bytes.writeUInt32BE(crc, segmentBytesLength + crcLength * at);
  return bytes;
}

/** Reverses `encodeTable`. `bytes` must come from it. */
export function parseTable(bytes: Buffer): CrcTable | undefined {
  if (bytes.length === 0) return undefined;
  const count = Math.floor((bytes.length - segmentBytesLength) / crcLength);
  const crcs = Array.from({ length: count }, (_, at) => bytes.readUInt32BE(segmentBytesLength + crcLength * at));
  return { segmentBytes: Number(bytes.readBigUInt64BE(0)), crcs };
}

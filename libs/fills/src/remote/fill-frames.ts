// How a fill's bytes travel from its worker to a frontend: frames of a type, a length and that many bytes. Silence then
// means that the worker is gone, and an end of the connection without an end frame that it broke.

import { hkdfSync } from 'node:crypto';

/** In every path of the protocol, so that two releases can run side by side: a worker that does not know it answers 404. */
export const protocolPath = '/v1/fills';
/** The header of `present` that says where its bytes end. */
export const presentEndHeader = 'x-cistern-present-end';

export const frameTypes = {
  /** Nothing new, but the worker lives. Empty. */
  heartbeat: 0,
  data: 1,
  /** Everything that was asked for has been sent; where verification was asked for, it has been waited for. Empty. */
  end: 2,
  /** The fill has failed. JSON of `FailureFrame`. */
  failed: 3,
  /** Somebody else goes on with the fill. Empty. */
  moved: 4,
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
export const maxFailureBytes = 64 * 1024;

/** Writes a header at the start of `into`. */
export function writeFrameHeader(into: Buffer, type: number, length: number): void {
  into.writeUInt8(type, 0);
  into.writeUInt32BE(length, 1);
}

export function encodeFrame(type: number, payload: Uint8Array = new Uint8Array(0)): Buffer {
  const frame = Buffer.alloc(headerBytes + payload.length);
  writeFrameHeader(frame, type, payload.length);
  frame.set(payload, headerBytes);
  return frame;
}

/**
 * Value of the `Authorization` header between frontends and workers. Derived from the cluster's secret, so that the secret itself,
 * which also seals what the cluster keeps, is never sent.
 */
export function fillAuthorization(clusterSecret: string): string {
  const token = Buffer.from(hkdfSync('sha256', clusterSecret, '', 'cistern fill server v1', 32));
  return `Bearer ${token.toString('base64url')}`;
}

// Tokens for machines: `cistern_<id>_<secret>`. What is kept of one tells it again and cannot be used: of 256 random bits
// a plain hash is enough.
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** What is kept. */
export interface RobotRecord {
  readonly id: string;
  /** What people call it. */
  readonly name: string;
  /** Globs of `<upstream>/<repository>`; absent: everything. */
  readonly grants?: readonly string[] | undefined;
  readonly createdAtMs: number;
  /** Absent: never. */
  readonly expiresAtMs?: number | undefined;
  /** SHA-256 of the secret, in base64url. */
  readonly hash: string;
}

const idBytes = 8;
const secretBytes = 32;
const pattern = /^cistern_([0-9a-f]{16})_([\w-]{43})$/;

/** `token` is shown once. */
export function createRobotToken(robot: Omit<RobotRecord, 'id' | 'hash'>): {
  readonly token: string;
  readonly record: RobotRecord;
} {
  const id = randomBytes(idBytes).toString('hex');
  const secret = randomBytes(secretBytes).toString('base64url');
  return { token: `cistern_${id}_${secret}`, record: { ...robot, id, hash: hashOf(secret).toString('base64url') } };
}

/** `undefined`: that is no robot token. */
export function parseRobotToken(text: string): { readonly id: string; readonly secret: string } | undefined {
  const [, id, secret] = pattern.exec(text) ?? [];
  return id === undefined || secret === undefined ? undefined : { id, secret };
}

/** In constant time. */
export function isSecretOf({ hash }: RobotRecord, secret: string): boolean {
  const expected = Buffer.from(hash, 'base64url');
  const found = hashOf(secret);
  return expected.length === found.length && timingSafeEqual(expected, found);
}

export function isExpired({ expiresAtMs = Infinity }: RobotRecord, nowMs: number): boolean {
  return expiresAtMs <= nowMs;
}

function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

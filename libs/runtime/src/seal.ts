// Secrets on their way through Redis and the store: readable only for processes that have the cluster's secret, and only
// under the name they were put there by (decision 0013).
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes, createHash, timingSafeEqual } from 'node:crypto';

export interface Seal {
  /** `name`: where the sealed text will lie; it opens nowhere else. Text of URL-safe characters. */
  close(name: string, text: string): string;
  /** `undefined` for what was not sealed with this secret, for this purpose and under this name, or by a newer release. */
  open(name: string, sealed: string): string | undefined;
}

const version = 1;
const algorithm = 'aes-256-gcm';
const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;

/** Purposes have keys of their own, so that what was sealed for one opens for no other. `secret` has 16 bytes or more. */
export function createSeal(secret: string, purpose: string): Seal {
  const key = new Uint8Array(hkdfSync('sha256', secret, '', `cistern seal ${version} ${purpose}`, keyBytes));
  const authenticated = (name: string): Buffer => Buffer.concat([Buffer.of(version), Buffer.from(name)]);

  return {
    close(name, text) {
      // Random: how many a process of the cluster has used so far nobody knows. Collisions are far from 2³² of them.
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv(algorithm, key, nonce, { authTagLength: tagBytes }).setAAD(authenticated(name));
      const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
      return Buffer.concat([Buffer.of(version), nonce, body, cipher.getAuthTag()]).toString('base64url');
    },
    open(name, sealed) {
      const bytes = Buffer.from(sealed, 'base64url');
      if (bytes[0] !== version || bytes.byteLength < 1 + nonceBytes + tagBytes) return undefined;
      const nonce = bytes.subarray(1, 1 + nonceBytes);
      const decipher = createDecipheriv(algorithm, key, nonce, { authTagLength: tagBytes });
      decipher.setAAD(authenticated(name)).setAuthTag(bytes.subarray(-tagBytes));
      try {
        const body = decipher.update(bytes.subarray(1 + nonceBytes, -tagBytes));
        return Buffer.concat([body, decipher.final()]).toString('utf8');
      } catch {
        return undefined;
      }
    },
  };
}

/** In constant time, whatever is given. */
export function isSameSecret(given: string | undefined, expected: string): boolean {
  return timingSafeEqual(sha256(given ?? ''), sha256(expected));
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

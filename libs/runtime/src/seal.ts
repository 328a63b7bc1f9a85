// Encrypts secrets for Redis and the store. Only a process with the cluster's secret can decrypt a text, and only with
// the name with which it was encrypted (decision 0013).
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes, createHash, timingSafeEqual } from 'node:crypto';

export interface Seal {
  /**
   * Encrypts. `name` is the location of the encrypted text; `open` needs the same name. Returns URL-safe characters.
   */
  close(name: string, text: string): string;
  /**
   * Decrypts. Returns `undefined` if the text was encrypted with another secret, purpose or name, or by a newer
   * release. Also returns `undefined` for a text that is not encrypted.
   */
  open(name: string, sealed: string): string | undefined;
}

const version = 1;
const algorithm = 'aes-256-gcm';
const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;

/**
 * Each purpose has its own key, so that a text for one purpose cannot be decrypted for another. `secret` must have at
 * least 16 bytes.
 */
export function createSeal(secret: string, purpose: string): Seal {
  const key = new Uint8Array(hkdfSync('sha256', secret, '', `cistern seal ${version} ${purpose}`, keyBytes));
  const authenticated = (name: string): Buffer => Buffer.concat([Buffer.of(version), Buffer.from(name)]);

  return {
    close(name, text) {
      // The nonce is random, because processes share no counter. A repeated nonce is unlikely below 2³² texts.
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

/** Compares in constant time for any input. */
export function isSameSecret(given: string | undefined, expected: string): boolean {
  return timingSafeEqual(sha256(given ?? ''), sha256(expected));
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

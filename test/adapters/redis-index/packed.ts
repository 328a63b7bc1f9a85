// The encoding of a digest in Redis.
import { digestHex, type Digest } from '@cistern/oci';

export function packed(digest: Digest): string {
  return Buffer.from(digestHex(digest), 'hex').toString('base64url');
}

// From a manifest's bytes to a JSON object, with limits, since an upstream may send anything.
import { OciSyntaxError } from './syntax-error.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

// The largest that registries take, and far deeper than any manifest; Go's clients give up on deep JSON too.
const maxBytes = 4 * 1024 * 1024;
const maxDepth = 100;

export function invalidManifest(what: string): OciSyntaxError {
  return new OciSyntaxError('MANIFEST_INVALID', `invalid manifest: ${what}`);
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Throws `OciSyntaxError` MANIFEST_INVALID. */
export function parseManifestJson(bytes: Uint8Array): JsonObject {
  if (bytes.length > maxBytes) throw invalidManifest(`it has ${bytes.length} bytes, more than ${maxBytes}`);
  if (isDeeperThan(bytes, maxDepth)) throw invalidManifest(`its JSON is nested deeper than ${maxDepth} levels`);
  let body: unknown;
  try {
    body = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
  } catch {
    throw invalidManifest('it is not JSON');
  }
  if (!isJsonObject(body)) throw invalidManifest('it is not a JSON object');
  return body;
}

/** Counts brackets outside strings before anything is built of them. In UTF-8 no byte of a longer character is ASCII. */
function isDeeperThan(bytes: Uint8Array, limit: number): boolean {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (inString) {
      if (byte === 0x5c) at += 1;
      else if (byte === 0x22) inString = false;
    } else if (byte === 0x22) inString = true;
    else if (byte === 0x7b || byte === 0x5b) {
      depth += 1;
      if (depth > limit) return true;
    } else if (byte === 0x7d || byte === 0x5d) depth -= 1;
  }
  return false;
}

// Parses a manifest's bytes into a JSON object, with limits, because an upstream may send anything.
import { OciSyntaxError } from './syntax-error.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

// Registries accept no larger manifests, and no real manifest is nested nearly as deep. Clients in Go also reject deep JSON.
const maxBytes = 4 * 1024 * 1024;
const maxDepth = 100;
// Enough for 2,000 children with 25 values each. More values would take so long to parse that other requests would have to wait.
const maxValues = 50_000;

export function invalidManifest(fault: string): OciSyntaxError {
  return new OciSyntaxError('MANIFEST_INVALID', `invalid manifest: ${fault}`);
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Throws `OciSyntaxError` MANIFEST_INVALID. */
export function parseManifestJson(bytes: Uint8Array): JsonObject {
  if (bytes.length > maxBytes) throw invalidManifest(`it has ${bytes.length} bytes, more than ${maxBytes}`);
  const { depth, values } = measureJson(bytes);
  if (depth > maxDepth) throw invalidManifest(`its JSON is nested deeper than ${maxDepth} levels`);
  if (values > maxValues) throw invalidManifest(`its JSON has more than ${maxValues} values`);
  let body: unknown;
  try {
    body = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
  } catch {
    throw invalidManifest('it is not JSON');
  }
  if (!isJsonObject(body)) throw invalidManifest('it is not a JSON object');
  return body;
}

/** Returns whether `parseManifestJson` rejects `bytes` because of too many values. */
export function hasTooManyValues(bytes: Uint8Array): boolean {
  return bytes.length > maxValues && measureJson(bytes).values > maxValues;
}

/**
 * Counts brackets and commas outside strings, up to the limits, before the JSON is parsed. It can check single bytes, because in
 * UTF-8 no byte of a longer character is an ASCII byte.
 */
function measureJson(bytes: Uint8Array): { readonly depth: number; readonly values: number } {
  let [depth, deepest, values] = [0, 0, 0];
  let inString = false;
  for (let at = 0; at < bytes.length && deepest <= maxDepth && values <= maxValues; at += 1) {
    const byte = bytes[at];
    if (inString) {
      if (byte === 0x5c) at += 1;
      else if (byte === 0x22) inString = false;
    } else if (byte === 0x22) inString = true;
    else if (byte === 0x7b || byte === 0x5b) {
      depth += 1;
      values += 1;
      if (depth > deepest) deepest = depth;
    } else if (byte === 0x7d || byte === 0x5d) depth -= 1;
    else if (byte === 0x2c) values += 1;
  }
  return { depth: deepest, values };
}

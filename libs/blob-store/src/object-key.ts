// What a small object's key may look like, for every adapter: a key comes from names that clients send, and one that
// could leave the root must never reach a filesystem or a bucket.

/** The most a small object may hold, in bytes. */
export const maxObjectBytes = 4 * 1024 * 1024;

const controlOrBackslash = /[\p{Cc}\\]/u;

/** One directory or file name: not empty, `.` or `..`; no slash, backslash or control character. */
export function isPathComponent(value: string): boolean {
  return value !== '' && value !== '.' && value !== '..' && !value.includes('/') && !controlOrBackslash.test(value);
}

/** Throws `TypeError` unless `key` is a `/`-separated relative path of plain components. Returns the components. */
export function parseObjectKey(key: string): string[] {
  const components = key.split('/');
  if (components.every(isPathComponent)) return components;
  throw new TypeError(`${JSON.stringify(key)} is not a valid object key`);
}

/** Like `parseObjectKey`, for a prefix that ends with `/`. */
export function parseObjectPrefix(prefix: string): string[] {
  if (prefix.endsWith('/')) return parseObjectKey(prefix.slice(0, -1));
  throw new TypeError(`${JSON.stringify(prefix)} is not a valid prefix: it must end with "/"`);
}

/** Throws `RangeError` for an object that is too large to be a small one. */
export function checkObjectSize(key: string, size: number): void {
  if (size > maxObjectBytes)
    throw new RangeError(`object ${JSON.stringify(key)} is ${size} bytes, more than the ${maxObjectBytes} allowed`);
}

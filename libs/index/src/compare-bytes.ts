// The one order in which the index lists names: by their UTF-8 bytes, as SQLite's BINARY collation and Redis have it.
// JavaScript's own string order differs from it above U+FFFF.

export function compareBytes(one: string, two: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(two));
}

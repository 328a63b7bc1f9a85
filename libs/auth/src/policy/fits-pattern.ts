// Patterns of rules, as a shell has them. They fail closed: a rule that allows takes them narrowly, a rule that denies takes
// them widely.
import { posix } from 'node:path';

/** In `allow`, `*` stops at a slash and does not stand for a leading dot. In `deny`, it is any text. */
export function fitsPattern(action: 'allow' | 'deny', value: string, pattern: string): boolean {
  // Names with brackets, such as `dependabot[bot]`, are patterns of other names.
  if (value === pattern) return true;
  if (action === 'allow') return !isIndirect.test(value) && posix.matchesGlob(value, pattern);
  return posix.matchesGlob(value, pattern) || posix.matchesGlob(asOneName(value), asOneName(pattern));
}

/** Globs are about paths, of which `x/../ada`, `./ada`, `ada/` and `ada` are one. As names they are four. */
const isIndirect = /(?:^|\/)\.{0,2}(?:\/|$)/;

/** Without slashes, and with a letter before a leading dot, a shell's star passes over everything. */
function asOneName(text: string): string {
  return `x${text.replaceAll('/', '\u{1}')}`;
}

// The text of a file that may change, read again only when it has.
import { readFile, stat } from 'node:fs/promises';

/** The file is looked at on every call: that costs less than any request for which it is needed. Rejects as `fs` does. */
export function fileText(path: string): () => Promise<string> {
  let kept: { readonly version: string; readonly text: string } | undefined;
  return async () => {
    const { mtimeNs, size, ino } = await stat(path, { bigint: true });
    const version = `${mtimeNs} ${size} ${ino}`;
    if (kept?.version === version) return kept.text;
    const text = await readFile(path, 'utf8');
    kept = { version, text };
    return text;
  };
}

import { fullNameOf } from './full-name-of.ts';
import { type ResolvedImage, resolveImage } from './resolve-image.ts';
import type { UpstreamTable } from './upstream-table.ts';

const hub = 'docker.io/';

/** As `docker pull` writes it: `nginx:1.27` for what is at Docker Hub, where that name means the same here; else in full. */
export function familiarNameOf(table: UpstreamTable, image: ResolvedImage): string {
  const full = fullNameOf(image);
  if (!full.startsWith(hub)) return full;
  const familiar = full.slice(hub.length).replace(/^library\/(?=[^/]+$)/, '');
  return isSame(table, familiar, full) ? familiar : full;
}

function isSame(table: UpstreamTable, text: string, full: string): boolean {
  try {
    return fullNameOf(resolveImage(table, text)) === full;
  } catch {
    return false;
  }
}

// Fetches in flight, as people read them.
import type { FillList } from '@cistern/admin';
import { formatBytes } from './format-bytes.ts';
import { formatDuration } from './format-duration.ts';
import { formatTable } from './format-table.ts';

const columns = [
  'REPOSITORY',
  'BLOB',
  { ofNumbers: 'DONE' },
  { ofNumbers: 'OF' },
  { ofNumbers: '%' },
  { ofNumbers: 'A SECOND' },
  { ofNumbers: 'LEFT' },
  { ofNumbers: 'READERS' },
  { ofNumbers: 'FOR' },
  'NODE',
];
/** Of a digest: enough to tell them apart. */
const digestLength = 'sha256:'.length + 12;

export function describeFills({ fills, total }: FillList, nowMs: number): string {
  if (total === 0) return 'Nothing is being fetched.\n';
  const speed = fills.reduce((sum, { bytesPerSecond }) => sum + bytesPerSecond, 0);
  const more = total > fills.length ? `, of which ${fills.length} are shown` : '';
  const rows = fills.map(({ upstream, repository, digest, bytes, size, bytesPerSecond, readers, startedAt, node }) => [
    `${upstream}/${repository}`,
    digest.slice(0, digestLength),
    formatBytes(bytes),
    size === null ? '?' : formatBytes(size),
    size === null ? '' : String(Math.floor((bytes / Math.max(1, size)) * 100)),
    formatBytes(bytesPerSecond),
    size === null || bytesPerSecond === 0 ? '-' : formatDuration(((size - bytes) / bytesPerSecond) * 1000),
    String(readers),
    formatDuration(nowMs - startedAt),
    node,
  ]);
  return `${total} in flight${more}, ${formatBytes(speed)} a second\n${formatTable(columns, rows)}`;
}

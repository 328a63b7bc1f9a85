// Numbers, times and tables as people read them.

const units = ['bytes', 'kB', 'MB', 'GB', 'TB'] as const;

/** `950 bytes`, `12.3 MB`, `340 GB`: three digits that matter, in powers of 1000. */
export function formatBytes(bytes: number): string {
  const at = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  const value = bytes / 1000 ** at;
  return `${at === 0 || value >= 100 ? Math.round(value) : value.toFixed(value >= 10 ? 1 : 2)} ${units[at]}`;
}

/** `45 s`, `12 min`, `7 h`, `12 days`: the largest unit of which there are two or more, or seconds. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} days`;
}

/** `2026-11-27 10:15:00`, in UTC, from milliseconds since 1970. */
export function formatTime(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace('T', ' ');
}

/** How far a transfer is: `1.20 GB of 3.40 GB, 85.0 MB/s`. The rate is that since the beginning. */
export function formatTransfer(
  { bytes, bytesDone }: { readonly bytes: number; readonly bytesDone: number },
  elapsedMs: number,
): string {
  const rate = elapsedMs > 0 ? (bytesDone / elapsedMs) * 1000 : 0;
  return `${formatBytes(bytesDone)} of ${formatBytes(bytes)}, ${formatBytes(rate)}/s`;
}

/** A title; of numbers, which stand at the right. */
export type Column = string | { readonly ofNumbers: string };

/**
 * Columns as wide as what is in them, two spaces apart; their titles in the first line. Empty without rows. Control characters of
 * cells are left out: names come from upstreams and clients, and a terminal obeys what is in them.
 */
export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '';
  const lines = [columns.map(titleOf), ...rows.map((row) => row.map(withoutControls))];
  const widths = columns.map((_, at) => Math.max(...lines.map((line) => (line[at] ?? '').length)));
  const cell = (text: string, at: number) =>
    typeof columns[at] === 'object' ? text.padStart(widths[at] ?? 0) : text.padEnd(widths[at] ?? 0);
  return lines.map((line) => `${line.map(cell).join('  ').trimEnd()}\n`).join('');
}

function titleOf(column: Column): string {
  return typeof column === 'string' ? column : column.ofNumbers;
}

function withoutControls(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, '');
}

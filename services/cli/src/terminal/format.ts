// Formats numbers, times and tables for people.

const units = ['bytes', 'kB', 'MB', 'GB', 'TB'] as const;

/** Formats three significant digits in powers of 1000: `950 bytes`, `12.3 MB`, `340 GB`. */
export function formatBytes(bytes: number): string {
  const at = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  const value = bytes / 1000 ** at;
  return `${at === 0 || value >= 100 ? Math.round(value) : value.toFixed(value >= 10 ? 1 : 2)} ${units[at]}`;
}

/** Formats in the largest unit with a value of at least two, else in seconds: `45 s`, `12 min`, `7 h`, `12 days`. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} days`;
}

/** Formats milliseconds since 1970 in UTC: `2026-11-27 10:15:00`. */
export function formatTime(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace('T', ' ');
}

/** Formats the progress of a transfer: `1.20 GB of 3.40 GB, 85.0 MB/s`. The rate is the average since the beginning. */
export function formatTransfer(
  { bytes, bytesDone }: { readonly bytes: number; readonly bytesDone: number },
  elapsedMs: number,
): string {
  const rate = elapsedMs > 0 ? (bytesDone / elapsedMs) * 1000 : 0;
  return `${formatBytes(bytesDone)} of ${formatBytes(bytes)}, ${formatBytes(rate)}/s`;
}

/** The title of a column. `numeric` is the title of a right-aligned column of numbers. */
export type Column = string | { readonly numeric: string };

/**
 * Returns a table with titles in the first line. Columns fit their widest cell and are two spaces apart. Returns an
 * empty string if there are no rows. Removes control characters from cells, because a terminal would obey the control
 * characters in names that upstreams and clients send.
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
  return typeof column === 'string' ? column : column.numeric;
}

function withoutControls(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, '');
}

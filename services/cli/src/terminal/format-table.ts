// A table for people.

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

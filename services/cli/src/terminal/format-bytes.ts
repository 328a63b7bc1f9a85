const units = ['bytes', 'kB', 'MB', 'GB', 'TB'] as const;

/** `950 bytes`, `12.3 MB`, `340 GB`: three digits that matter, in powers of 1000. */
export function formatBytes(bytes: number): string {
  const at = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  const value = bytes / 1000 ** at;
  return `${at === 0 || value >= 100 ? Math.round(value) : value.toFixed(value >= 10 ? 1 : 2)} ${units[at]}`;
}

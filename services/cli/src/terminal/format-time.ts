/** `2026-11-27 10:15:00`, in UTC, from milliseconds since 1970. */
export function formatTime(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace('T', ' ');
}

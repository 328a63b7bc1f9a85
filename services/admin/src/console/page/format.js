// Formats numbers and times for the page. Non-breaking spaces keep a number and its unit on one line.

const units = ['B', 'KB', 'MB', 'GB', 'TB', 'PB'];
const number = new Intl.NumberFormat('en');
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
const hour = new Intl.DateTimeFormat('en-GB', { weekday: 'short', hour: '2-digit', minute: '2-digit' });
const day = new Intl.DateTimeFormat('en-GB', { weekday: 'short', day: 'numeric', month: 'short' });
const dateTime = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });

/**
 * Uses powers of a thousand, as registries and disks do: `1.24 GB`.
 * @param {number} bytes
 */
export function formatBytes(bytes) {
  const power = bytes < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1000 ** power;
  const digits = power === 0 ? 0 : value < 10 ? 2 : value < 100 ? 1 : 0;
  return `${value.toFixed(digits)}\u00A0${units[power]}`;
}

/** @param {number} count */
export function formatCount(count) {
  return count < 100_000 ? number.format(count) : compact.format(count);
}

/**
 * The percentage of `part` in `whole`; `–` while `whole` is 0.
 * @param {number} part
 * @param {number} whole
 */
export function formatShare(part, whole) {
  if (whole === 0) return '–';
  const percent = (100 * part) / whole;
  // Shows 100 % only if `part` equals `whole`.
  return `${percent > 99.9 && part < whole ? '99.9' : percent.toFixed(percent >= 99.95 || percent === 0 ? 0 : 1)}\u00A0%`;
}

/** @param {number} ms */
export function formatMs(ms) {
  return ms < 10
    ? `${ms.toFixed(Number.isInteger(ms) ? 0 : 1)}\u00A0ms`
    : ms < 1000
      ? `${Math.round(ms)}\u00A0ms`
      : `${(ms / 1000).toFixed(1)}\u00A0s`;
}

/**
 * `3 min`: a whole number of one unit.
 * @param {number} ms
 */
export function formatDuration(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 90) return `${seconds}\u00A0s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)}\u00A0min`;
  if (seconds < 36 * 3600) return `${Math.round(seconds / 3600)}\u00A0h`;
  return `${Math.round(seconds / 86_400)}\u00A0days`;
}

/** @param {number} atMs */
export function formatAgo(atMs) {
  const ms = Date.now() - atMs;
  if (ms < -1000) return `in ${formatDuration(-ms)}`;
  return ms < 5000 ? 'now' : `${formatDuration(ms)} ago`;
}

/** @param {number} atMs */
export function formatTime(atMs) {
  return dateTime.format(new Date(atMs));
}

/** @param {number} atMs */
export function formatHour(atMs) {
  return hour.format(new Date(atMs));
}

/** @param {number} atMs */
export function formatDay(atMs) {
  return day.format(new Date(atMs));
}

/** @param {string} digest */
export function shortDigest(digest) {
  const [algorithm = '', hex = ''] = digest.split(':');
  return `${algorithm}:${hex.slice(0, 12)}`;
}

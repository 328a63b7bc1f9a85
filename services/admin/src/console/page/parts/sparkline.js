// A sparkline of the last minutes. Screen readers read the number next to it instead.
import { svg } from '../vendor/lit-html.js';

const [width, height] = [200, 44];

/**
 * @param {readonly number[]} values evenly spaced, oldest first
 * @param {{ readonly max?: number }} [scale] default: up to the greatest value
 */
export function sparkline(values, { max = Math.max(...values, 0) } = {}) {
  const scale = max === 0 ? 1 : max;
  const step = width / Math.max(values.length - 1, 1);
  const points = values.map(
    (value, at) => `${(at * step).toFixed(1)},${(height - 2 - (value / scale) * (height - 4)).toFixed(1)}`,
  );
  const line = points.join(' ');
  return svg`<svg class="sparkline" viewBox="0 0 ${width} ${height}" preserveAspectRatio="none" aria-hidden="true">
    <polygon class="area" points="${values.length < 2 ? '' : `0,${height} ${line} ${width},${height}`}"></polygon>
    <polyline class="curve" points="${values.length < 2 ? '' : line}"></polyline>
  </svg>`;
}

// A bar that shows a part of a whole. It is an SVG, because the `meter` element cannot be styled in the same way in all browsers.
import { html, nothing } from '../vendor/lit-html.js';

/**
 * @param {number} value
 * @param {number} max
 * @param {{ readonly label?: string, readonly isLow?: boolean }} [options] without `label`, hidden from screen readers
 */
export function meter(value, max, { label, isLow = false } = {}) {
  const percent = max <= 0 ? 0 : Math.min(100, Math.max(0, (100 * value) / max));
  return html`<svg
    class="meter ${isLow ? 'low' : ''}"
    role=${label === undefined ? nothing : 'meter'}
    aria-hidden=${label === undefined ? 'true' : nothing}
    aria-label=${label ?? nothing}
    aria-valuemin="0"
    aria-valuemax="100"
    aria-valuenow=${Math.round(percent)}
  >
    <rect width="${percent.toFixed(2)}%" height="100%"></rect>
  </svg>`;
}

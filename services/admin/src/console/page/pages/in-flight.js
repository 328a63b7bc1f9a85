// The page of the fills in flight.
import { html } from '../vendor/lit-html.js';
import { formatBytes } from '../format.js';
import { fillRow } from '../parts/fill-row.js';
import { emptyState, loadingState } from '../parts/states.js';

/** @import { Fill } from '../api-types.d.ts' */

/** @type {import('../page.d.ts').PageKind} */
export const inFlightPage = {
  path: 'in-flight',
  title: 'In flight',
  open: ({ live }) => ({
    view: () =>
      html`<h1>In flight</h1>
        <p class="lead">
          Each blob is fetched from its upstream once. All clients that pull it read from the same fetch.
        </p>
        ${live.fills === undefined ? loadingState() : list(live.fills)}`,
  }),
};

/** @param {readonly Fill[]} fills */
function list(fills) {
  if (fills.length === 0)
    return emptyState('No fetches in flight.', 'All pulled content is cached already, or no client is pulling.');
  const sum = (/** @type {(fill: Fill) => number} */ of) => fills.reduce((total, fill) => total + of(fill), 0);
  return html`<p class="muted">
      ${fills.length === 1 ? '1 fetch' : `${fills.length} fetches`} for ${sum(({ readers }) => readers)} readers,
      ${formatBytes(sum(({ bytesPerSecond }) => bytesPerSecond))}/s
    </p>
    <h2 class="visually-hidden">Fetches</h2>
    <ul class="list">
      ${fills.map(fillRow)}
    </ul>`;
}

// The remaining pull budget of an account, as its upstream last reported it.
import { html, nothing } from '../vendor/lit-html.js';
import { formatAgo, formatCount, formatDuration } from '../format.js';
import { meter } from './meter.js';

/** @param {import('../api-types.d.ts').Account} account */
export function budgetBar({ upstream, account, limit, remaining, reserve, windowSeconds, resetsAt, backedOffUntil }) {
  const isBackedOff = backedOffUntil !== null && backedOffUntil > Date.now();
  const label = `${upstream}${account === null ? '' : ` as ${account}`}`;
  return html`<div class="budget">
    <div class="row">
      <b>${label}</b>
      <span>
        ${
          limit === null || remaining === null
            ? html`<span class="muted">no limit reported</span>`
            : html`<b>${formatCount(remaining)}</b>
                <span class="muted">
                  of ${formatCount(limit)}${windowSeconds === null ? '' : ` in ${formatDuration(windowSeconds * 1000)}`}
                </span>`
        }
      </span>
    </div>
    ${
      limit === null || remaining === null
        ? nothing
        : meter(remaining, limit, { label: `Pulls left: ${label}`, isLow: reserve !== null && remaining <= reserve })
    }
    <p class="muted small">
      ${isBackedOff ? html`<span class="badge warn">backing off for ${formatDuration(backedOffUntil - Date.now())}</span> ` : nothing}
      ${reserve === null || limit === null ? nothing : html`The last ${formatCount(reserve)} are reserved for content that is not cached. `}
      ${resetsAt === null ? nothing : html`${resetsAt > Date.now() ? 'Resets' : 'Reset'} ${formatAgo(resetsAt)}.`}
    </p>
  </div>`;
}

// The overview: the traffic of the cache, and the bytes and upstream requests that it saves.
import { html, nothing } from '../vendor/lit-html.js';
import { formatBytes, formatCount, formatDuration, formatMs, formatShare } from '../format.js';
import { openResource } from '../open-resource.js';
import { budgetBar } from '../parts/budget-bar.js';
import { fillRow } from '../parts/fill-row.js';
import { meter } from '../parts/meter.js';
import { sparkline } from '../parts/sparkline.js';
import { emptyState, loadingState, whenLoaded } from '../parts/states.js';
import { openTraffic } from './traffic.js';

/** @import { BudgetList, Overview, TopImages } from '../api-types.d.ts' */
/** @import { Live } from '../page.d.ts' */
/** @import { Resource } from '../open-resource.js' */

const shownFills = 4;

/** @type {import('../page.d.ts').PageKind} */
export const overviewPage = {
  path: '',
  title: 'Overview',
  open({ live, update }) {
    /** @type {Resource<Overview>} */
    const overview = openResource('/v1/overview', { update });
    const traffic = openTraffic({ update });
    /** @type {Resource<TopImages>} */
    const top = openResource('/v1/top?limit=6', { update, everyMs: 15_000 });
    return {
      view: () =>
        html`<h1>Overview</h1>
          ${whenLoaded({ ...overview, data: live.overview ?? overview.data }, (now) => tiles(now, live))}
          ${traffic.view()} ${inFlight(live)}
          <div class="halves">
            <section>
              <h2>Upstream pull limits</h2>
              ${live.budget === undefined ? loadingState() : budgets(live.budget)}
            </section>
            <section>
              <h2>Popular images</h2>
              <p class="muted small">By score: each pull counts 1 at first, and half as much after each day.</p>
              ${whenLoaded(top, popular)}
            </section>
          </div>`,
      close() {
        for (const resource of [overview, traffic, top]) resource.close();
      },
    };
  },
};

/**
 * @param {Overview} overview
 * @param {Live} live
 */
function tiles({ requests, bytes, upstreamCalls, latencyMs, cache, since }, { history }) {
  const served = requests.hits + requests.stale + requests.revalidated + requests.joined;
  const saved = Math.max(0, bytes.served - bytes.fetched);
  const now = history.requestsPerSecond.at(-1);
  return html`<dl class="tiles">
      <div class="tile">
        <dt>Served from cache</dt>
        <dd class="value">${formatShare(served, requests.total)}</dd>
        <dd class="note">
          ${formatCount(served)} of ${formatCount(requests.total)} requests in ${formatDuration(Date.now() - since)}
        </dd>
      </div>
      <div class="tile">
        <dt>Bytes saved</dt>
        <dd class="value">${formatBytes(saved)}</dd>
        <dd class="note">${formatBytes(bytes.served)} served, ${formatBytes(bytes.fetched)} fetched</dd>
      </div>
      <div class="tile">
        <dt>Upstream requests saved</dt>
        <dd class="value">${formatCount(upstreamCalls.saved)}</dd>
        <dd class="note">${formatCount(upstreamCalls.total)} made</dd>
      </div>
      <div class="tile">
        <dt>Time to first byte</dt>
        <dd class="value">${latencyMs === null ? '–' : formatMs(latencyMs.p50)}</dd>
        <dd class="note">
          ${latencyMs === null ? 'no requests in the last minute' : `median, p99 ${formatMs(latencyMs.p99)}`}
        </dd>
      </div>
    </dl>
    <dl class="tiles three">
      <div class="tile">
        <dt>Requests per second</dt>
        <dd class="value">${now === undefined ? '–' : formatCount(Math.round(now))}</dd>
        <dd class="curve">${sparkline(history.requestsPerSecond)}</dd>
      </div>
      <div class="tile">
        <dt>Bytes served per second</dt>
        <dd class="value">${formatBytes(history.servedPerSecond.at(-1) ?? 0)}</dd>
        <dd class="curve">${sparkline(history.servedPerSecond)}</dd>
      </div>
      <div class="tile">
        <dt>Stored</dt>
        <dd class="value">${formatBytes(cache.bytes)}</dd>
        <dd class="note">
          ${formatCount(cache.blobs)} blobs${cache.maxBytes === null ? '' : `, limit ${formatBytes(cache.maxBytes)}`}
        </dd>
        ${
          cache.maxBytes === null
            ? nothing
            : html`<dd class="bar">${meter(cache.bytes, cache.maxBytes, { label: 'Store usage' })}</dd>`
        }
      </div>
    </dl>`;
}

/** @param {Live} live */
function inFlight({ fills }) {
  if (fills === undefined) return nothing;
  const others = fills.length - shownFills;
  return html`<section>
    <h2>In flight</h2>
    ${
      fills.length === 0
        ? emptyState('No fetches in flight.', 'All pulled content is cached already, or no client is pulling.')
        : html`<ul class="list">
              ${fills.slice(0, shownFills).map(fillRow)}
            </ul>
            ${others > 0 ? html`<p><a href="#/in-flight">${others} more</a></p>` : nothing}`
    }
  </section>`;
}

/** @param {BudgetList} budget */
function budgets({ accounts }) {
  if (accounts.length === 0)
    return emptyState('No upstream has reported a limit.', 'Docker Hub reports one with the first pull.');
  return html`<ul class="card list">
    ${accounts.map((account) => html`<li>${budgetBar(account)}</li>`)}
  </ul>`;
}

/** @param {TopImages} top */
function popular({ images }) {
  if (images.length === 0) return emptyState('No pulls yet.', html`<a href="#/connect">Connect a client</a>`);
  const most = Math.max(...images.map(({ score }) => score));
  return html`<ol class="card ranking">
    ${images.map(
      ({ name, score }) =>
        html`<li>
          <a href="#/images/${encodeURIComponent(name)}">${name}</a>
          <span class="muted">${score < 10 ? score.toFixed(1) : formatCount(Math.round(score))}</span>
          ${meter(score, most)}
        </li>`,
    )}
  </ol>`;
}

// The page of one image: its platforms and layers, how much of it is cached, how fresh its tag is, and its actions.
import { html, nothing } from '../vendor/lit-html.js';
import { formatAgo, formatBytes, formatDuration, formatShare, formatTime, shortDigest } from '../format.js';
import { openResource } from '../open-resource.js';
import { meter } from '../parts/meter.js';
import { whenLoaded } from '../parts/states.js';
import { imageActions } from './image-actions.js';
import { stateBadge } from './images.js';

/** @import { ImageDetails, Platform } from '../api-types.d.ts' */

/**
 * @param {import('../page.d.ts').PageContext} context `argument`: the image's name
 * @returns {import('../page.d.ts').OpenPage}
 */
export function openImage({ argument: name, live, update }) {
  /** @type {import('../open-resource.js').Resource<ImageDetails>} */
  const details = openResource(`/v1/images/details?image=${encodeURIComponent(name)}`, { update });
  const actions = imageActions(name, { live, reload: () => details.load(), update });
  return {
    view: () =>
      html`<p class="back"><a href="#/images">Images</a></p>
        <div class="row">
          <h1>${name}</h1>
          ${actions.view(details.data)}
        </div>
        ${actions.explanation()} ${whenLoaded(details, (image) => [facts(image), platforms(image.platforms)])}`,
    close: () => details.close(),
  };
}

/** @param {ImageDetails} image */
function facts({ image, digest, mediaType, tags, lastPulledAt, freshness: tag, state, pinned }) {
  return html`<dl class="card facts">
    <dt>Name</dt>
    <dd>${image}</dd>
    <dt>Digest</dt>
    <dd><code>${digest}</code></dd>
    <dt>Media type</dt>
    <dd><code>${mediaType}</code></dd>
    ${
      tags.length === 0
        ? nothing
        : html`<dt>Tags</dt>
            <dd>${tags.join(', ')}</dd>`
    }
    <dt>State</dt>
    <dd>
      ${tag === null && state === 'fresh' ? html`<span class="badge good">immutable</span>` : stateBadge(state)}
      ${pinned ? html`<span class="badge accent">pinned</span>` : nothing}
    </dd>
    ${tag === null ? nothing : tagFacts(tag)}
    <dt>Last pulled</dt>
    <dd>${lastPulledAt === null ? 'never' : time(lastPulledAt)}</dd>
  </dl>`;
}

/** @param {NonNullable<ImageDetails['freshness']>} tag */
function tagFacts({ confirmedAt, fetchedAt, ttlMs, lastFailure, lastTriedAt }) {
  return html`<dt>Confirmed</dt>
    <dd>
      ${confirmedAt === null ? 'never' : time(confirmedAt)}${
        ttlMs === null ? ', never due' : `, TTL ${formatDuration(ttlMs)}`
      }
    </dd>
    <dt>Cached since</dt>
    <dd>${time(fetchedAt)}</dd>
    ${
      lastFailure === null
        ? nothing
        : html`<dt>Last failure</dt>
            <dd>${lastFailure} ${lastTriedAt === null ? '' : time(lastTriedAt)}</dd>`
    }`;
}

/** @param {number} atMs */
function time(atMs) {
  return html`<time title=${formatTime(atMs)}>${formatAgo(atMs)}</time>`;
}

/** @param {readonly Platform[]} all */
function platforms(all) {
  if (all.length === 0) return nothing;
  return html`<section>
    <h2>${all.length === 1 ? 'Platform' : 'Platforms'}</h2>
    <ul class="list">
      ${all.map(platformCard)}
    </ul>
  </section>`;
}

/** @param {Platform} platform */
function platformCard({ platform, digest, bytes, cachedBytes, layers }) {
  const name = platform ?? 'Unknown platform';
  return html`<li class="card">
    <div class="row">
      <h3>${name} <code class="muted" title=${digest}>${shortDigest(digest)}</code></h3>
      <span>
        ${
          bytes === 0
            ? html`<span class="muted">size unknown</span>`
            : html`${formatBytes(bytes)} <span class="muted">· ${formatShare(cachedBytes, bytes)} cached</span>`
        }
      </span>
    </div>
    ${bytes === 0 ? nothing : meter(cachedBytes, bytes, { label: `Cached part of ${name}` })}
    ${
      layers.length === 0
        ? nothing
        : html`<details>
            <summary>${layers.length === 1 ? '1 layer' : `${layers.length} layers`}</summary>
            <ul class="layers">
              ${layers.map(
                (layer) =>
                  html`<li>
                    <code title=${layer.digest}>${shortDigest(layer.digest)}</code>
                    <span class="number">${formatBytes(layer.bytes)}</span>
                    <span class="badge ${layer.cached ? 'good' : ''}">${layer.cached ? 'cached' : 'not cached'}</span>
                  </li>`,
              )}
            </ul>
          </details>`
    }
  </li>`;
}

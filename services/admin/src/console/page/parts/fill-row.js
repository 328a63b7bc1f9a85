// One fill in flight, as an item of a list.
import { html } from '../vendor/lit-html.js';
import { formatBytes, formatDuration, formatShare, shortDigest } from '../format.js';

/** @param {import('../api-types.d.ts').Fill} fill */
export function fillRow(fill) {
  const { digest, upstream, repository, node, bytes, size, readers, startedAt, bytesPerSecond, activity } = fill;
  const name = repository === null ? upstream : `${upstream}/${repository}`;
  const leftMs = size === null || bytesPerSecond === 0 ? undefined : ((size - bytes) / bytesPerSecond) * 1000;
  return html`<li class="card fill">
    <div class="row">
      <h3>${name} <code class="muted" title=${digest}>${shortDigest(digest)}</code></h3>
      <span class="share">${size === null ? formatBytes(bytes) : formatShare(bytes, size)}</span>
    </div>
    ${
      size === null
        ? html`<progress aria-label="Fetching from ${name}"></progress>`
        : html`<progress max=${size} value=${bytes} aria-label="Fetching from ${name}"></progress>`
    }
    <p class="row small muted">
      <span>
        ${formatBytes(bytes)}${size === null ? '' : ` of ${formatBytes(size)}`} · ${formatBytes(bytesPerSecond)}/s
        ${leftMs === undefined ? '' : `· ${formatDuration(leftMs)} left`}
      </span>
      <span>
        ${activity === null ? '' : `${describeActivity(activity)} · `}
        ${readers === 1 ? '1 reader' : `${readers} readers`} ·
        ${fill.class === 'background' ? 'background · ' : ''}${node} · running for
        ${formatDuration(Date.now() - startedAt)}
      </span>
    </p>
  </li>`;
}

/** @param {NonNullable<import('../api-types.d.ts').Fill['activity']>} activity */
function describeActivity({ segments, storedSegments, connections, sideReads }) {
  return [
    segments > 1 ? `${storedSegments} of ${segments} segments stored` : undefined,
    connections === 1 ? '1 connection' : `${connections} connections`,
    sideReads === 0 ? undefined : sideReads === 1 ? '1 side read' : `${sideReads} side reads`,
  ]
    .filter((part) => part !== undefined)
    .join(' · ');
}

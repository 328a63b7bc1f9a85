// The audit page: actions of operators and rejected requests, the newest first, page by page.
import { html, nothing } from '../vendor/lit-html.js';
import { get } from '../api.js';
import { formatAgo, formatTime } from '../format.js';
import { openResource } from '../open-resource.js';
import { showError } from '../parts/messages.js';
import { emptyState, whenLoaded } from '../parts/states.js';
import { sentenceOf } from './audit-sentence.js';

/** @import { AuditEntry, AuditPage } from '../api-types.d.ts' */

const pageSize = 50;

/** @type {import('../page.d.ts').PageKind} */
export const auditPage = {
  path: 'audit',
  title: 'Audit',
  open({ update }) {
    let kind = '';
    let newest = openNewest();
    /** @type {AuditPage | undefined} the entries so far after "Show more", which are no longer updated; else `undefined` */
    let read;

    function query(/** @type {Record<string, string>} */ more = {}) {
      const given = Object.entries({ kind, limit: String(pageSize), ...more });
      return `/v1/audit?${new URLSearchParams(given.filter(([, value]) => value !== ''))}`;
    }

    /** @returns {import('../open-resource.js').Resource<AuditPage>} */
    function openNewest() {
      return openResource(query(), { update, everyMs: 3000 });
    }

    function choose(/** @type {string} */ chosen) {
      kind = chosen;
      newest.close();
      newest = openNewest();
      read = undefined;
      update();
    }

    async function showMore(/** @type {AuditPage} */ { entries, before }) {
      const requestedKind = kind;
      try {
        /** @type {AuditPage} */
        const further = await get(query({ before: String(before) }));
        if (requestedKind !== kind) return;
        newest.close();
        read = { entries: [...entries, ...further.entries], before: further.before };
      } catch (error) {
        showError(error);
      }
      update();
    }

    return {
      view: () =>
        html`<h1>Audit</h1>
          <form class="filters">
            <label
              >Show
              <select
                @change=${(/** @type {Event} */ { target }) => choose(/** @type {HTMLSelectElement} */ (target).value)}
              >
                <option value="">Everything</option>
                <option value="action">Operator actions</option>
                <option value="refusal">Rejected requests</option>
              </select>
            </label>
          </form>
          ${whenLoaded({ ...newest, data: read ?? newest.data }, (page) => [
            page.entries.length === 0
              ? emptyState('No entries yet.', 'Actions of operators and rejected requests appear here.')
              : list(page.entries),
            page.before === null
              ? nothing
              : html`<p><button @click=${() => void showMore(page)}>Show more</button></p>`,
          ])}`,
      close: () => newest.close(),
    };
  },
};

/** @param {readonly AuditEntry[]} entries */
function list(entries) {
  return html`<ul class="card audit">
    ${entries.map((entry) => {
      const { who, verb, object, end, reason } = sentenceOf(entry);
      const { at, address, node, what, about, status } = entry;
      return html`<li>
        <div class="row">
          <p><b>${who}</b> ${verb} <b>${object}</b>${end === undefined ? nothing : ` ${end}`}</p>
          <span class="badges">${answerOf(entry)}</span>
        </div>
        ${reason === null ? nothing : html`<p class="small">${reason}</p>`}
        <details class="small">
          <summary>
            <time title=${formatTime(at)}>${formatAgo(at)}</time>${address === null ? nothing : ` · from ${address}`}
          </summary>
          <dl class="facts">
            <dt>Time</dt>
            <dd>${formatTime(at)}</dd>
            <dt>Request</dt>
            <dd><code>${what}</code></dd>
            ${
              about === null
                ? nothing
                : html`<dt>Details</dt>
                    <dd><code>${about}</code></dd>`
            }
            ${
              status === null
                ? nothing
                : html`<dt>Status</dt>
                    <dd>HTTP ${status}</dd>`
            }
            <dt>Node</dt>
            <dd>${node}</dd>
          </dl>
        </details>
      </li>`;
    })}
  </ul>`;
}

/** @param {AuditEntry} entry */
function answerOf({ event, status }) {
  const hasFailed = status !== null && status >= 400;
  const [text, look] =
    event === 'asked'
      ? hasFailed
        ? ['failed', 'warn']
        : ['done', 'good']
      : [event, event === 'limited' ? 'warn' : 'bad'];
  return html`<span class="badge ${look}">${text}</span>`;
}

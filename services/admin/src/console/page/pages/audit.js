// The audit page: actions of operators and rejected requests, the newest first, page by page.
import { html, nothing } from '../vendor/lit-html.js';
import { get } from '../api.js';
import { formatAgo, formatTime, shortDigest } from '../format.js';
import { openResource } from '../open-resource.js';
import { showError } from '../parts/messages.js';
import { emptyState, whenLoaded } from '../parts/states.js';

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
              : table(page.entries),
            page.before === null
              ? nothing
              : html`<p><button @click=${() => void showMore(page)}>Show more</button></p>`,
          ])}`,
      close: () => newest.close(),
    };
  },
};

/** @param {readonly AuditEntry[]} entries */
function table(entries) {
  return html`<div class="table">
    <table>
      <thead>
        <tr>
          <th scope="col">Request</th>
          <th scope="col">Result</th>
          <th scope="col">User</th>
          <th scope="col">Address</th>
          <th scope="col">Node</th>
          <th scope="col" class="number">Time</th>
        </tr>
      </thead>
      <tbody>
        ${entries.map(
          (entry) =>
            html`<tr>
              <th scope="row">
                <span title=${entry.what}>${withShortDigests(entry.what)}</span>${
                  entry.about === null ? nothing : html`<br /><span class="muted small">${entry.about}</span>`
                }
              </th>
              <td data-label="Result"><span class="badges">${answerOf(entry)}</span></td>
              <td data-label="User">${entry.user ?? '–'}</td>
              <td data-label="Address" class="whole">${entry.address ?? '–'}</td>
              <td data-label="Node">${entry.node}</td>
              <td data-label="Time" class="number">
                <time title=${formatTime(entry.at)}>${formatAgo(entry.at)}</time>
              </td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
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
  return html`<span class="badge ${look}" title=${status === null ? nothing : `HTTP ${status}`}>${text}</span>`;
}

/** @param {string} what */
function withShortDigests(what) {
  return what.replaceAll(/\b[a-z\d]+:[\da-f]{64,}/g, shortDigest);
}

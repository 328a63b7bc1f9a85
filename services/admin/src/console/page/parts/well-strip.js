// The strip of every page that answers "Is it well?": the nodes, the index, the store and the pull budgets. Each segment links to
// the page that explains it. Below it, an expandable list has all problems, with what still works and what to do.
import { html, nothing } from '../vendor/lit-html.js';
import { formatAgo, formatCount, formatTime } from '../format.js';
import { problemsOf, segmentsOf, viewNotice } from '../well.js';

/** @import { ShownProblem } from '../api-types.d.ts' */
/** @import { Live } from '../page.d.ts' */

const titles = { good: 'All well', warn: 'Needs attention', bad: 'Not well', unknown: 'Loading …' };

/** @param {Live} live */
export function wellStrip(live) {
  const problems = problemsOf(live);
  const segments = segmentsOf(live, problems);
  const state = stateOf(live, problems);
  const notice = viewNotice(live);
  return html`<h2 id="well-title" class="visually-hidden">Is it well?</h2>
    <div class="well ${state}">
      <p class="verdict ${state}" role="status">${titles[state]}</p>
      <ul>
        ${segments.map(
          ({ text, state: own, href, explanation }) =>
            html`<li class=${own}>
              <a href=${href} title=${explanation}
                >${text}${own === 'good' ? nothing : html`<span class="visually-hidden"> (${explanation})</span>`}</a
              >
            </li>`,
        )}
      </ul>
    </div>
    ${notice === undefined ? nothing : html`<p class="notice warn">${notice}</p>`}
    ${problems.length === 0 ? nothing : problemList(problems)}`;
}

/**
 * The verdict is the same as that of `cistern status` and the metrics. A segment that is only a hint, such as a low budget, does not
 * change it.
 * @param {Live} live
 * @param {readonly ShownProblem[]} problems
 * @returns {keyof typeof titles}
 */
function stateOf(live, problems) {
  if (problems.some(({ severity }) => severity === 'critical')) return 'bad';
  if (problems.length > 0 || viewNotice(live) !== undefined) return 'warn';
  return live.overview === undefined ? 'unknown' : 'good';
}

/** @param {readonly ShownProblem[]} problems */
function problemList(problems) {
  return html`<details class="problems">
    <summary>${problems.length === 1 ? '1 problem' : `${formatCount(problems.length)} problems`}</summary>
    <ul class="list">
      ${problems.map(
        ({ part, subject, severity, since, reason, works, mend, node }) =>
          html`<li class="problem ${severity}">
            <p>
              <span class="badge ${severity === 'critical' ? 'bad' : 'warn'}">${severity}</span>
              <b>${subject === null ? part : `${part}: ${subject}`}</b>
              <span class="muted small">
                <time title=${formatTime(since)}>since ${formatAgo(since)}</time>
                ${node === null ? nothing : `on ${node}`}
              </span>
            </p>
            <dl class="facts">
              <dt>Reason</dt>
              <dd>${reason}</dd>
              <dt>Still works</dt>
              <dd>${works}</dd>
              <dt>What to do</dt>
              <dd>${mend}</dd>
            </dl>
          </li>`,
      )}
    </ul>
  </details>`;
}

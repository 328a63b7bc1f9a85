// The page of the job queues between frontends and workers.
import { html, nothing } from '../vendor/lit-html.js';
import { formatAgo, formatCount, formatDuration, formatTime } from '../format.js';
import { openResource } from '../open-resource.js';
import { emptyState, whenLoaded } from '../parts/states.js';

/** @import { JobFailure, JobList, Queue } from '../api-types.d.ts' */

/** @type {import('../page.d.ts').PageKind} */
export const jobsPage = {
  path: 'jobs',
  title: 'Jobs',
  open({ update }) {
    /** @type {import('../open-resource.js').Resource<JobList>} */
    const jobs = openResource('/v1/jobs', { update, everyMs: 2000 });
    return {
      view: () =>
        html`<h1>Jobs</h1>
          ${whenLoaded(jobs, ({ queues, failures }) => [queueTable(queues), failureList(failures)])}`,
      close: () => jobs.close(),
    };
  },
};

/** @param {readonly Queue[]} queues */
function queueTable(queues) {
  return html`<div class="table">
    <table>
      <thead>
        <tr>
          <th scope="col">Queue</th>
          <th scope="col" class="number">Running</th>
          <th scope="col" class="number">Waiting</th>
          <th scope="col" class="number">Delayed</th>
          <th scope="col" class="number">Failed</th>
          <th scope="col" class="number">Oldest waiting</th>
        </tr>
      </thead>
      <tbody>
        ${queues.map(
          ({ name, active, waiting, delayed, failed, oldestWaitingMs }) =>
            html`<tr>
              <th scope="row">${name}</th>
              <td data-label="Running" class="number">${formatCount(active)}</td>
              <td data-label="Waiting" class="number">${formatCount(waiting)}</td>
              <td data-label="Delayed" class="number">${formatCount(delayed)}</td>
              <td data-label="Failed" class="number">${formatCount(failed)}</td>
              <td data-label="Oldest waiting" class="number">
                ${oldestWaitingMs === null ? '–' : formatDuration(oldestWaitingMs)}
              </td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

/** @param {readonly JobFailure[]} failures */
function failureList(failures) {
  return html`<section>
    <h2>Failures of the last hour</h2>
    ${
      failures.length === 0
        ? emptyState('No failed jobs.')
        : html`<ul class="list">
            ${failures.map(
              ({ queue, name, reason, count, at }) =>
                html`<li class="card">
                  <div class="row">
                    <h3>${name} <span class="muted">in ${queue}</span></h3>
                    <span class="muted small">
                      ${count === 1 ? nothing : html`<b>${formatCount(count)} times</b>, last `}<time
                        title=${formatTime(at)}
                        >${formatAgo(at)}</time
                      >
                    </span>
                  </div>
                  <p>${reason}</p>
                </li>`,
            )}
          </ul>`
    }
  </section>`;
}

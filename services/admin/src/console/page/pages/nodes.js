// The page of the nodes: the running ones with their load, and those that ended within the last hour.
import { html, nothing } from '../vendor/lit-html.js';
import { formatAgo, formatBytes, formatCount, formatDuration, formatMs, formatTime } from '../format.js';
import { openResource } from '../open-resource.js';
import { emptyState, whenLoaded } from '../parts/states.js';

/** @import { CacheNode, NodeList } from '../api-types.d.ts' */

/** An idle node reports every four seconds. */
const lateMs = 8000;

/** @type {import('../page.d.ts').PageKind} */
export const nodesPage = {
  path: 'nodes',
  title: 'Nodes',
  open({ live, update }) {
    /** @type {import('../open-resource.js').Resource<NodeList>} */
    const nodes = openResource('/v1/nodes', { update });
    return {
      view: () =>
        html`<h1>Nodes</h1>
          ${whenLoaded({ ...nodes, data: live.nodes ?? nodes.data?.nodes }, (all) => {
            const running = all.filter(({ state }) => state === 'running');
            const ended = all.filter(({ state }) => state !== 'running');
            return [runningNodes(running), ended.length === 0 ? nothing : endedNodes(ended, running)];
          })}`,
      close: () => nodes.close(),
    };
  },
};

/** @param {readonly CacheNode[]} nodes */
function runningNodes(nodes) {
  if (nodes.length === 0) return emptyState('No node has reported yet.', 'Nodes report within seconds of their start.');
  return html`<div class="table">
    <table>
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col" class="number">CPU</th>
          <th scope="col" class="number">Memory</th>
          <th scope="col" class="number">Requests</th>
          <th scope="col" class="number">Traffic</th>
          <th scope="col" class="number">Index</th>
          <th scope="col" class="number">Store</th>
          <th scope="col" class="number">Uptime</th>
        </tr>
      </thead>
      <tbody>
        ${nodes.map(
          ({ rssBytes, cpu, requestsPerSecond, bytesPerSecond, index, store, startedAt, ...node }) =>
            html`<tr>
              <th scope="row" class="node">${nameOf(node)}${warnings(node)}</th>
              <td data-label="CPU" class="number" title="100 % is one processor">
                ${cpu === null ? '–' : `${Math.round(cpu * 100)}\u00A0%`}
              </td>
              <td data-label="Memory" class="number">${formatBytes(rssBytes)}</td>
              <td data-label="Requests" class="number" title="${formatCount(node.inFlight)} in flight">
                ${requestsPerSecond === null ? '–' : `${formatRate(requestsPerSecond)}/s`}
              </td>
              <td data-label="Traffic" class="number">
                ${bytesPerSecond === null ? '–' : `${formatBytes(bytesPerSecond)}/s`}
              </td>
              <td data-label="Index" class="number">${roundTrip(index)}</td>
              <td data-label="Store" class="number">${roundTrip(store)}</td>
              <td data-label="Uptime" class="number">${formatDuration(Date.now() - startedAt)}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

/**
 * @param {readonly CacheNode[]} ended
 * @param {readonly CacheNode[]} running
 */
function endedNodes(ended, running) {
  return html`<section>
    <h2>Ended in the last hour</h2>
    <ul class="card list">
      ${ended
        .toSorted((one, other) => other.seenAt - one.seenAt)
        .map((node) => {
          const isBack = running.some(({ name, role }) => name === node.name && role === node.role);
          return html`<li class="row">
            <div>${nameOf(node)}</div>
            <span class="small">
              <span class="badge ${node.state === 'lost' && !isBack ? 'warn' : ''}">${node.state}</span>
              <time title=${formatTime(node.seenAt)}
                >${node.state === 'lost' ? 'last report' : 'stopped'} ${formatAgo(node.seenAt)}</time
              >${isBack ? ' · has started again' : ''}
            </span>
          </li>`;
        })}
    </ul>
  </section>`;
}

/** @param {Pick<CacheNode, 'name' | 'role' | 'version'>} node */
function nameOf({ name, role, version }) {
  return html`<b>${name}</b><br /><span class="muted small">${role} · ${version}</span>`;
}

/** @param {CacheNode['index']} trip */
function roundTrip(trip) {
  if (trip === null) return '–';
  return trip.ms === null ? trip.kind : html`${trip.kind} ${formatMs(trip.ms)}`;
}

/** @param {number} rate */
function formatRate(rate) {
  return rate > 0 && rate < 10 ? rate.toFixed(1) : formatCount(Math.round(rate));
}

/** @param {Pick<CacheNode, 'configuration' | 'seenAt'>} node */
function warnings({ configuration, seenAt }) {
  const { differs = false, needsRestart = [] } = configuration ?? {};
  const texts = [
    ...(Date.now() - seenAt > lateMs ? [`last report ${formatAgo(seenAt)}`] : []),
    ...(differs ? ['configuration differs from other nodes'] : []),
    ...(needsRestart.length > 0 ? [`needs a restart for ${needsRestart.join(', ')}`] : []),
  ];
  return texts.map((text) => html`<br /><span class="warning small">${text}</span>`);
}

// The page of the running nodes.
import { html } from '../vendor/lit-html.js';
import { formatAgo, formatBytes, formatDuration } from '../format.js';
import { openResource } from '../open-resource.js';
import { emptyState, whenLoaded } from '../parts/states.js';

/** @import { CacheNode, NodeList } from '../api-types.d.ts' */

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
          ${whenLoaded({ ...nodes, data: live.nodes ?? nodes.data?.nodes }, table)}`,
      close: () => nodes.close(),
    };
  },
};

/** @param {readonly CacheNode[]} nodes */
function table(nodes) {
  if (nodes.length === 0) return emptyState('No node has reported yet.', 'Nodes report within seconds of their start.');
  return html`<div class="table">
    <table>
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col">Role</th>
          <th scope="col">Version</th>
          <th scope="col">Configuration</th>
          <th scope="col" class="number">Requests in flight</th>
          <th scope="col" class="number">Memory</th>
          <th scope="col" class="number">Uptime</th>
          <th scope="col" class="number">Last report</th>
        </tr>
      </thead>
      <tbody>
        ${nodes.map(
          ({ name, role, version, configuration, inFlight, rssBytes, startedAt, seenAt }) =>
            html`<tr>
              <th scope="row">${name}</th>
              <td data-label="Role" class="whole">${role}</td>
              <td data-label="Version" class="whole">${version}</td>
              <td data-label="Configuration">${describeConfiguration(configuration)}</td>
              <td data-label="Requests in flight" class="number">${inFlight}</td>
              <td data-label="Memory" class="number">${formatBytes(rssBytes)}</td>
              <td data-label="Uptime" class="number">${formatDuration(Date.now() - startedAt)}</td>
              <td data-label="Last report" class="number">${formatAgo(seenAt)}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

/** @param {CacheNode['configuration']} configuration */
function describeConfiguration(configuration) {
  if (configuration === null) return 'unknown (older release)';
  const { differs, needsRestart } = configuration;
  const facts = [
    ...(differs ? ['differs from other nodes'] : []),
    ...(needsRestart.length > 0 ? [`restart needed for ${needsRestart.join(', ')}`] : []),
  ];
  return facts.length === 0 ? 'ok' : facts.join('; ');
}

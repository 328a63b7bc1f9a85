// The registries behind the cache: whether they are asked, how they are, and what is left of their budget.
import { html, nothing } from '../vendor/lit-html.js';
import { post } from '../api.js';
import { openResource } from '../open-resource.js';
import { confirm } from '../parts/confirm.js';
import { say, sayFailed } from '../parts/messages.js';
import { emptyState, whenLoaded } from '../parts/states.js';

/** @import { Upstream } from '../api-types.d.ts' */

/** @type {import('../page.d.ts').PageKind} */
export const upstreamsPage = {
  path: 'upstreams',
  title: 'Upstreams',
  open({ update }) {
    /** @type {import('../open-resource.js').Resource<{ readonly upstreams: readonly Upstream[] }>} */
    const upstreams = openResource('/v1/upstreams', { update, everyMs: 5000 });

    async function decide(/** @type {Upstream} */ { name, isOffline }) {
      const isSure = await confirm(
        isOffline
          ? {
              title: `Ask ${name} again?`,
              text: 'All nodes fetch from it again, and confirm what is stale when it is pulled.',
              action: 'Go online',
            }
          : {
              title: `Take ${name} offline?`,
              text: 'Nothing is asked of it, on all nodes at once. What is cached is served on; what is not, cannot be pulled.',
              action: 'Go offline',
              isDangerous: true,
            },
      );
      if (!isSure) return;
      await post('/v1/offline', { upstream: name, offline: !isOffline }).then(
        () => say(`${name} is ${isOffline ? 'online' : 'offline'} now, for all nodes.`),
        sayFailed,
      );
      await upstreams.look();
    }

    return {
      view: () =>
        html`<h1>Upstreams</h1>
          ${whenLoaded(upstreams, ({ upstreams: all }) =>
            all.length === 0
              ? emptyState('No upstream is configured.')
              : html`<ul class="cards">
                  ${all.map((upstream) => card(upstream, decide))}
                </ul>`,
          )}`,
      close: () => upstreams.close(),
    };
  },
};

/**
 * @param {Upstream} upstream
 * @param {(upstream: Upstream) => Promise<void>} decide
 */
function card(upstream, decide) {
  const { name, isOffline, by } = upstream;
  return html`<li class="card">
    <div class="row">
      <h2>${name}</h2>
      <span class="badge ${isOffline ? 'warn' : 'good'}">${isOffline ? 'Offline' : 'Online'}</span>
    </div>
    ${
      isOffline
        ? html`<p class="muted">${by === 'decision' ? 'By the decision of an operator.' : 'By the configuration.'}</p>`
        : nothing
    }
    <div class="actions">
      <button aria-label="${isOffline ? 'Go online' : 'Go offline'}: ${name}" @click=${() => void decide(upstream)}>
        ${isOffline ? 'Go online' : 'Go offline'}
      </button>
    </div>
  </li>`;
}

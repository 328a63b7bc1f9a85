// The page of the upstreams: whether they are online, their circuit breakers, and their remaining pull budgets.
import { html, nothing } from '../vendor/lit-html.js';
import { post } from '../api.js';
import { formatCount } from '../format.js';
import { openResource } from '../open-resource.js';
import { budgetBar } from '../parts/budget-bar.js';
import { confirm } from '../parts/confirm.js';
import { showMessage, showError } from '../parts/messages.js';
import { emptyState, notPossible, whenLoaded } from '../parts/states.js';
import { reasonAgainst } from '../well.js';

/** @import { Account, Upstream, UpstreamList } from '../api-types.d.ts' */
/** @import { Resource } from '../open-resource.js' */

/** @type {import('../page.d.ts').PageKind} */
export const upstreamsPage = {
  path: 'upstreams',
  title: 'Upstreams',
  open({ live, update }) {
    /** @type {Resource<UpstreamList>} */
    const upstreams = openResource('/v1/upstreams', { update, everyMs: 3000 });

    async function decide(/** @type {Upstream} */ { name, isOffline }) {
      if (!(await confirm(isOffline ? confirmOnline(name) : confirmOffline(name)))) return;
      await post('/v1/offline', { upstream: name, offline: !isOffline }).then(
        () => showMessage(`${name} is ${isOffline ? 'online' : 'offline'} now, for all nodes.`),
        showError,
      );
      await upstreams.load();
    }

    return {
      view: () =>
        html`<h1>Upstreams</h1>
          ${notPossible(reasonAgainst(live, ['store']))}
          ${whenLoaded(upstreams, ({ upstreams: all }) =>
            all.length === 0
              ? emptyState('No upstream is configured.')
              : html`<ul class="cards">
                  ${all.map((upstream) => {
                    const accounts = live.budget?.accounts.filter((account) => account.upstream === upstream.name);
                    return card(upstream, accounts ?? [], {
                      decide,
                      isDisabled: reasonAgainst(live, ['store']) !== undefined,
                    });
                  })}
                </ul>`,
          )}`,
      close: () => upstreams.close(),
    };
  },
};

/** @param {string} name */
function confirmOnline(name) {
  return {
    title: `Take ${name} online?`,
    text: 'All nodes fetch from it again, and confirm due tags with the next pull.',
    action: 'Go online',
  };
}

/** @param {string} name */
function confirmOffline(name) {
  return {
    title: `Take ${name} offline?`,
    text: 'All nodes stop sending requests to it. Cached content is still served; content that is not cached cannot be pulled.',
    action: 'Go offline',
    isDangerous: true,
  };
}

/**
 * @param {Upstream} upstream
 * @param {readonly Account[]} accounts
 * @param {{ readonly decide: (upstream: Upstream) => Promise<void>, readonly isDisabled: boolean }} action
 */
function card(upstream, accounts, { decide, isDisabled }) {
  const { name, isOffline, by, calls, errors } = upstream;
  const isFailing = upstream.health === 'failing';
  const action = isOffline ? 'Go online' : 'Go offline';
  return html`<li class="card">
    <div class="row">
      <h2>${name}</h2>
      <span class="badge ${isOffline || isFailing ? 'warn' : 'good'}"
        >${isOffline ? 'offline' : isFailing ? 'failing' : 'online'}</span
      >
    </div>
    <p class="muted small grow">
      ${isOffline ? (by === 'decision' ? 'Switched by an operator. ' : 'Set in the configuration. ') : nothing}
      ${isFailing && !isOffline ? 'Circuit breaker open: the cache only probes it. ' : nothing}
      ${calls === null ? nothing : `${formatCount(calls)} requests${errors === null ? '' : `, ${formatCount(errors)} failed`}.`}
    </p>
    ${accounts.map((account) => budgetBar(account))}
    <div class="actions">
      <button aria-label="${action}: ${name}" ?disabled=${isDisabled} @click=${() => void decide(upstream)}>
        ${action}
      </button>
    </div>
  </li>`;
}

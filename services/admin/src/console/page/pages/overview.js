// How the cache is, and what it saves.
import { html } from '../vendor/lit-html.js';
import { openResource } from '../open-resource.js';
import { whenLoaded } from '../parts/states.js';

/** @type {import('../page.d.ts').PageKind} */
export const overviewPage = {
  path: '',
  title: 'Overview',
  open({ update }) {
    /** @type {import('../open-resource.js').Resource<{ readonly healthy: boolean, readonly parts: Record<string, string> }>} */
    const health = openResource('/', { update, everyMs: 5000 });
    return {
      view: () =>
        html`<h1>Overview</h1>
          ${whenLoaded(health, ({ parts }) => healthOf(parts))}`,
      close: () => health.close(),
    };
  },
};

/** @param {Readonly<Record<string, string>>} parts */
function healthOf(parts) {
  return html`<ul class="health">
    ${Object.entries(parts).map(
      ([name, state]) =>
        html`<li class=${state === 'ok' ? 'good' : 'bad'}><b>${name}</b> ${state === 'ok' ? 'works' : state}</li>`,
    )}
  </ul>`;
}

// Placeholders for content that is empty, loading or failed.
import { html, nothing } from '../vendor/lit-html.js';

/**
 * @param {string} title
 * @param {unknown} [hint]
 */
export function emptyState(title, hint = '') {
  return html`<div class="empty">
    <p class="title">${title}</p>
    <p>${hint}</p>
  </div>`;
}

/** @param {Error} error */
function failedState(error) {
  return html`<div class="empty failed" role="alert">
    <p class="title">Loading failed</p>
    <p>${error.message}</p>
  </div>`;
}

export function loadingState() {
  return html`<div class="loading" role="status"><span class="visually-hidden">Loading …</span></div>`;
}

/**
 * Renders the data of a resource, or a placeholder while there is none.
 * @template T
 * @param {{ readonly data: T | undefined, readonly error: Error | undefined }} resource
 * @param {(data: T) => unknown} view
 */
export function whenLoaded({ data, error }, view) {
  if (data !== undefined) return view(data);
  return error === undefined ? loadingState() : failedState(error);
}

/**
 * Explains why actions are disabled.
 * @param {string | undefined} reason
 */
export function notPossible(reason) {
  return reason === undefined ? nothing : html`<p class="notice" id="not-possible">${reason}</p>`;
}

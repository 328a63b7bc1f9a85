// Messages about the results of actions. Screen readers read them out.
import { html, render } from '../vendor/lit-html.js';

const shownMs = 8000;

/** @typedef {{ readonly text: string, readonly kind: 'done' | 'failed' | 'busy' }} Message */

/** @type {Set<Message>} */
const shown = new Set();

/**
 * @param {string} text
 * @param {Message['kind']} [kind] a `busy` message stays until another one replaces it
 * @returns {(text: string, kind?: Message['kind']) => void} replaces the message
 */
export function showMessage(text, kind = 'done') {
  let message = { text, kind };
  const show = (/** @type {Message} */ next) => {
    shown.delete(message);
    message = next;
    shown.add(message);
    if (next.kind !== 'busy') setTimeout(() => hide(next), shownMs);
    draw();
  };
  show(message);
  return (nextText, nextKind = 'done') => show({ text: nextText, kind: nextKind });
}

/** @param {unknown} error */
export function showError(error) {
  showMessage(error instanceof Error ? error.message : String(error), 'failed');
}

/** @param {Message} message */
function hide(message) {
  shown.delete(message);
  draw();
}

function draw() {
  const place = /** @type {HTMLElement} */ (document.getElementById('messages'));
  render(
    [...shown].map(
      (message) =>
        html`<div class="message ${message.kind}">
          <span>${message.text}</span>
          <button class="quiet" aria-label="Dismiss: ${message.text}" @click=${() => hide(message)}>✕</button>
        </div>`,
    ),
    place,
  );
}

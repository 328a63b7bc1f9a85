// A confirmation dialog. The browser's own dialog element keeps the focus inside, and restores it afterwards.
import { html, render } from '../vendor/lit-html.js';

/**
 * @param {{ readonly title: string, readonly text: string, readonly action: string, readonly isDangerous?: boolean }} question
 * @returns {Promise<boolean>}
 */
export function confirm({ title, text, action, isDangerous = false }) {
  const place = /** @type {HTMLElement} */ (document.getElementById('dialogs'));
  render(
    html`<dialog aria-labelledby="dialog-title" aria-describedby="dialog-text">
      <form method="dialog">
        <h2 id="dialog-title">${title}</h2>
        <p id="dialog-text">${text}</p>
        <div class="actions">
          <button value="no" autofocus>Cancel</button>
          <button value="yes" class=${isDangerous ? 'danger' : 'primary'}>${action}</button>
        </div>
      </form>
    </dialog>`,
    place,
  );
  const dialog = /** @type {HTMLDialogElement} */ (place.querySelector('dialog'));
  dialog.returnValue = 'no';
  return new Promise((resolve) => {
    dialog.addEventListener(
      'close',
      () => {
        resolve(dialog.returnValue === 'yes');
        render(html``, place);
      },
      { once: true },
    );
    dialog.showModal();
  });
}

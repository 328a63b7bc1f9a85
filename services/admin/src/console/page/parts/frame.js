// The frame of every page: the name, the menu, and the state of the live connection.
import { html, nothing } from '../vendor/lit-html.js';

/** @import { Live, PageKind } from '../page.d.ts' */

const connections = {
  connecting: 'Connecting …',
  live: 'Live',
  lost: 'Connection lost, reconnecting …',
};

/**
 * @param {{
 *   readonly pages: readonly PageKind[],
 *   readonly current: PageKind | undefined,
 *   readonly live: Live,
 *   readonly isMenuOpen: boolean,
 *   readonly toggleMenu: () => void,
 * }} facts
 */
export function frame({ pages, current, live, isMenuOpen, toggleMenu }) {
  const { connection, fills, overview } = live;
  return html`<div class="brand">
      <a href="#/" class="name"><img src="icon.svg" alt="" width="26" height="26" />Cistern</a>
      <button class="menu" aria-expanded=${isMenuOpen ? 'true' : 'false'} aria-controls="pages" @click=${toggleMenu}>
        Menu
      </button>
    </div>
    <nav id="pages" class=${isMenuOpen ? 'open' : nothing} aria-label="Pages">
      <ul>
        ${pages.map(
          (page) =>
            html`<li>
              <a href="#/${page.path}" aria-current=${page === current ? 'page' : nothing}
                >${page.title}${
                  page.path === 'in-flight' && fills !== undefined && fills.length > 0
                    ? html`<span class="count">${fills.length}</span>`
                    : nothing
                }</a
              >
            </li>`,
        )}
      </ul>
    </nav>
    <p class="connection ${connection}" role="status">${connections[connection]}</p>
    ${overview === undefined ? nothing : html`<p class="version">Version ${overview.version}</p>`}`;
}

// The files with which each client pulls through this very cache, as `cistern client-config` prints them.
import { html } from '../vendor/lit-html.js';

/** @type {import('../page.d.ts').PageKind} */
export const connectPage = {
  path: 'connect',
  title: 'Connect a client',
  open: () => ({
    view: () =>
      html`<h1>Connect a client</h1>
        <p class="lead">
          <code>cistern client-config docker</code> prints the files for docker; so it does for other clients.
        </p>`,
  }),
};

// The page that shows how to configure each client for this cache, as `cistern client-config` prints it.
import { html, nothing } from '../vendor/lit-html.js';
import { openResource } from '../open-resource.js';
import { showMessage } from '../parts/messages.js';
import { whenLoaded } from '../parts/states.js';

/** @import { ClientSetups } from '../api-types.d.ts' */
/** @import { Resource } from '../open-resource.js' */

const typingMs = 300;

/** @type {import('../page.d.ts').PageKind} */
export const connectPage = {
  path: 'connect',
  title: 'Connect a client',
  open({ argument, update }) {
    let url = '';
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let typing;
    let setups = openSetups();

    /** @returns {Resource<ClientSetups>} */
    function openSetups() {
      return openResource(`/v1/client-setups${url === '' ? '' : `?url=${encodeURIComponent(url)}`}`, { update });
    }

    function reload() {
      setups.close();
      setups = Object.assign(openSetups(), { data: setups.data });
    }

    const address = () =>
      html`<form class="filters" @submit=${(/** @type {Event} */ event) => event.preventDefault()}>
        <label class="wide"
          >Address of the cache for clients
          <input
            type="url"
            placeholder=${setups.data?.url ?? ''}
            autocomplete="off"
            spellcheck="false"
            @input=${(/** @type {Event} */ { target }) => {
              url = /** @type {HTMLInputElement} */ (target).value.trim();
              clearTimeout(typing);
              typing = setTimeout(reload, typingMs);
            }}
          />
        </label>
      </form>`;

    return {
      view: () =>
        html`<h1>Connect a client</h1>
          <p class="lead">
            Put these files on the machines that pull. Images keep their names, so nothing else has to change.
          </p>
          ${address()}
          ${setups.error === undefined ? nothing : html`<p class="state bad" role="alert">${setups.error.message}</p>`}
          ${whenLoaded(setups, ({ clients }) => tabs(clients, argument))}`,
      close() {
        clearTimeout(typing);
        setups.close();
      },
    };
  },
};

/**
 * @param {ClientSetups['clients']} clients
 * @param {string} chosen
 */
function tabs(clients, chosen) {
  const open = clients.find(({ name }) => name === chosen) ?? clients[0];
  return html`<nav class="tabs" aria-label="Clients">
      ${clients.map(
        (client) =>
          html`<a href="#/connect/${client.name}" aria-current=${client === open ? 'true' : nothing}
            >${client.name}</a
          >`,
      )}
    </nav>
    ${(open?.steps ?? []).map(
      ({ path, content, note }) =>
        html`<section class="card step">
          <div class="row">
            <h2 class=${path === null ? '' : 'mono'}>${path ?? 'Run'}</h2>
            <button aria-label="Copy ${path ?? 'the command'}" @click=${() => void copy(content)}>Copy</button>
          </div>
          <pre tabindex="0" role="group" aria-label=${path ?? 'Command'}>${content}</pre>
          <p class="muted">${note}</p>
        </section>`,
    )}`;
}

/** Browsers allow writing to the clipboard only for pages on localhost or over HTTPS. @param {string} text */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    showMessage('Copied.');
  } catch {
    showMessage('The browser did not allow copying. Select the text and copy it.', 'failed');
  }
}

// The list of cached images, with search and pages.
import { html, nothing } from '../vendor/lit-html.js';
import { get } from '../api.js';
import { formatAgo, shortDigest } from '../format.js';
import { showError } from '../parts/messages.js';
import { emptyState, whenLoaded } from '../parts/states.js';
import { openResource } from '../open-resource.js';
import { openImage } from './image.js';

/** @import { CachedImage, ImagePage, UpstreamList } from '../api-types.d.ts' */
/** @import { OpenPage, PageContext, PageKind } from '../page.d.ts' */

const typingMs = 250;
const pageSize = 50;

/** @type {PageKind} */
export const imagesPage = {
  path: 'images',
  title: 'Images',
  open: (context) => (context.argument === '' ? openList(context) : openImage(context)),
};

/**
 * @param {PageContext} context
 * @returns {OpenPage}
 */
function openList({ update }) {
  let [search, upstream] = ['', ''];
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let typing;
  let found = openPage();
  /** @type {readonly CachedImage[]} */
  let further = [];
  let [isSearching, isClosed] = [false, false];
  /** @type {string | null | undefined} of the page after the last; `undefined` means the cursor of the first page */
  let cursor;
  /** @type {import('../open-resource.js').Resource<UpstreamList>} */
  const upstreams = openResource('/v1/upstreams', { update });

  function query(/** @type {Record<string, string>} */ more = {}) {
    const given = Object.entries({ search, upstream, limit: String(pageSize), ...more });
    return `/v1/images?${new URLSearchParams(given.filter(([, value]) => value !== ''))}`;
  }

  /** @returns {import('../open-resource.js').Resource<ImagePage>} */
  function openPage() {
    const page = openResource(query(), { update: updateAndContinue });
    return page;

    function updateAndContinue() {
      update();
      if (page === found) void fill();
    }
  }

  /** Reads further pages until the list has enough images, because a page of a search may be short or empty. */
  async function fill() {
    const own = found;
    const next = () => (cursor === undefined ? own.data?.cursor : cursor);
    const isShort = () => (own.data?.images.length ?? 0) + further.length < pageSize;
    while (own === found && own.error === undefined && !isClosed && isShort() && typeof next() === 'string') {
      isSearching = true;
      if (!(await showMore(/** @type {string} */ (next())))) break;
    }
    if (own !== found) return;
    isSearching = false;
    update();
  }

  function searchAgain() {
    found.close();
    // The previous results stay until the next response.
    found = Object.assign(openPage(), { data: found.data });
    further = [];
    cursor = undefined;
    isSearching = false;
  }

  /** Resolves to whether the page was added. */
  async function showMore(/** @type {string} */ after) {
    const own = found;
    let isAdded = false;
    try {
      /** @type {ImagePage} */
      const page = await get(query({ cursor: after }));
      // The operator may have changed the search meanwhile.
      if (own !== found) return false;
      isAdded = true;
      further = [...further, ...page.images];
      cursor = page.cursor;
    } catch (error) {
      showError(error);
    }
    update();
    return isAdded;
  }

  const filters = () =>
    html`<form class="filters" role="search" @submit=${(/** @type {Event} */ event) => event.preventDefault()}>
      <label class="wide"
        >Search
        <input
          type="search"
          placeholder="nginx, library/redis:7, …"
          autocomplete="off"
          spellcheck="false"
          @input=${(/** @type {Event} */ { target }) => {
            search = /** @type {HTMLInputElement} */ (target).value.trim();
            clearTimeout(typing);
            typing = setTimeout(searchAgain, typingMs);
          }}
        />
      </label>
      <label
        >Upstream
        <select
          @change=${(/** @type {Event} */ { target }) => {
            upstream = /** @type {HTMLSelectElement} */ (target).value;
            searchAgain();
          }}
        >
          <option value="">All</option>
          ${(upstreams.data?.upstreams ?? []).map(({ name }) => html`<option value=${name}>${name}</option>`)}
        </select>
      </label>
    </form>`;

  return {
    view: () =>
      html`<h1>Images</h1>
        ${filters()}
        ${whenLoaded(found, (page) => {
          const images = [...page.images, ...further];
          const next = cursor === undefined ? page.cursor : cursor;
          const searching = html`<p class="muted" role="status">Searching …</p>`;
          if (images.length === 0 && isSearching) return searching;
          if (images.length === 0 && next === null)
            return search === '' && upstream === ''
              ? emptyState('No cached images yet.', html`<a href="#/connect">Connect a client</a>, and pull.`)
              : emptyState('No cached image matches.', 'Images are fetched when a client pulls them.');
          return html`${table(images)}
          ${isSearching ? searching : next === null ? nothing : html`<p><button @click=${() => void showMore(next)}>Show more</button></p>`}`;
        })}`,
    close() {
      isClosed = true;
      clearTimeout(typing);
      found.close();
      upstreams.close();
    },
  };
}

/** @param {readonly CachedImage[]} images */
function table(images) {
  return html`<div class="table">
    <table>
      <thead>
        <tr>
          <th scope="col">Image</th>
          <th scope="col">Digest</th>
          <th scope="col">State</th>
          <th scope="col" class="number">Confirmed</th>
          <th scope="col" class="number">Last pulled</th>
        </tr>
      </thead>
      <tbody>
        ${images.map(
          ({ name, digest, state, pinned, confirmedAt, lastPulledAt }) =>
            html`<tr>
              <th scope="row"><a href="#/images/${encodeURIComponent(name)}">${name}</a></th>
              <td data-label="Digest"><code class="muted" title=${digest}>${shortDigest(digest)}</code></td>
              <td data-label="State">
                <span class="badges"
                  >${stateBadge(state)} ${pinned ? html`<span class="badge accent">pinned</span>` : nothing}</span
                >
              </td>
              <td data-label="Confirmed" class="number">${confirmedAt === null ? 'never' : formatAgo(confirmedAt)}</td>
              <td data-label="Last pulled" class="number">${lastPulledAt === null ? '–' : formatAgo(lastPulledAt)}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

const states = {
  fresh: { look: 'good', hint: 'Confirmed within its TTL' },
  due: { look: '', hint: 'Older than its TTL: confirmed with the next pull' },
  stale: { look: 'warn', hint: 'Older than its TTL, and the last confirmation failed' },
  'not cached': { look: 'hollow', hint: 'Only the image index is cached, and no platform' },
};

/** @param {CachedImage['state']} state */
export function stateBadge(state) {
  const { look, hint } = states[state];
  return html`<span class="badge ${look}" title=${hint}>${state}</span>`;
}

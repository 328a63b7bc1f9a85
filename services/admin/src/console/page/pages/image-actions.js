// The actions on an image: refresh, prewarm, pin and purge. A purge needs a confirmation. Each action reports its result.
import { html, nothing } from '../vendor/lit-html.js';
import { post, postForLines } from '../api.js';
import { formatBytes, formatShare, shortDigest } from '../format.js';
import { confirm } from '../parts/confirm.js';
import { showMessage, showError } from '../parts/messages.js';
import { notPossible } from '../parts/states.js';
import { reasonAgainst } from '../well.js';

/** @import { ImageDetails, PrewarmLine, PurgeAnswer, RefreshAnswer } from '../api-types.d.ts' */
/** @import { Live } from '../page.d.ts' */

/** The parts of the cache that an action needs. */
const changing = ['index', 'store'];
const fetching = [...changing, 'workers'];

/**
 * @param {string} image
 * @param {{ readonly live: Live, readonly reload: () => Promise<void>, readonly update: () => void }} page
 */
export function imageActions(image, { live, reload, update }) {
  let isBusy = false;
  // Only a tag can move, so a digest has nothing to refresh.
  const isDigest = image.includes('@');

  /**
   * Runs one action at a time. The buttons stay enabled meanwhile, because a disabled button loses the focus.
   * @param {() => Promise<void>} act
   */
  async function run(act) {
    if (isBusy) return;
    isBusy = true;
    update();
    try {
      await act();
    } catch (error) {
      showError(error);
    }
    isBusy = false;
    update();
  }

  async function refresh() {
    /** @type {RefreshAnswer} */
    const { before, after } = await post('/v1/refresh', { image });
    if (after === null) showMessage(`${image} no longer exists upstream.`);
    else
      showMessage(
        before === after ? `${image} has not changed.` : `${image} is ${shortDigest(after)} now, for all nodes.`,
      );
    await reload();
  }

  async function prewarm() {
    const replace = showMessage(`Fetching ${image} …`, 'busy');
    try {
      /** @type {AsyncGenerator<PrewarmLine>} */
      const lines = postForLines('/v1/prewarm', { image });
      for await (const { progress, result, error } of lines) {
        if (error !== undefined) replace(error.message, 'failed');
        if (progress !== undefined)
          replace(
            `Fetching ${image}: ${formatShare(progress.bytesHere, progress.bytes)} of ${formatBytes(progress.bytes)}`,
            'busy',
          );
        if (result !== undefined)
          replace(
            result.fetchedBlobs === 0
              ? `${image} was already cached.`
              : `${image} is cached: ${formatBytes(result.fetchedBytes)} fetched.`,
          );
      }
    } catch (error) {
      replace(error instanceof Error ? error.message : String(error), 'failed');
    }
    await reload();
  }

  /** @param {boolean} pinned */
  async function pin(pinned) {
    await post('/v1/pins', { image, pinned });
    showMessage(pinned ? `${image} is pinned: it is never evicted.` : `${image} is unpinned: it may be evicted.`);
    await reload();
  }

  async function purge() {
    const isSure = await confirm({
      title: `Purge ${image}?`,
      text: 'Removes its tag, its manifests and all content that no other image uses, for all nodes. The next pull fetches it again.',
      action: 'Purge',
      isDangerous: true,
    });
    if (!isSure) return;
    /** @type {PurgeAnswer} */
    const { purged } = await post('/v1/purge', { image });
    showMessage(
      `Purged ${image}: ${counted(purged.tags, 'tag')}, ${counted(purged.manifests, 'manifest')} and ${counted(purged.blobs, 'blob')}.`,
    );
    // The image no longer exists, so its page would be empty.
    location.hash = '#/images';
  }

  /**
   * @param {string} text
   * @param {readonly string[]} parts
   * @param {() => Promise<void>} act
   * @param {boolean} [isPossible]
   */
  function button(text, parts, act, isPossible = true) {
    return html`<button
      class=${text === 'Purge' ? 'danger' : ''}
      ?disabled=${!isPossible || reasonAgainst(live, parts) !== undefined}
      @click=${() => void run(act)}
    >
      ${text}
    </button>`;
  }

  return {
    /** @param {ImageDetails | undefined} details */
    view(details) {
      const isCached = details !== undefined;
      const isPinned = details?.pinned === true;
      return html`<div class="actions" aria-busy=${isBusy ? 'true' : 'false'}>
        ${isDigest ? nothing : button('Refresh', fetching, refresh)} ${button('Prewarm', fetching, prewarm)}
        ${button(isPinned ? 'Unpin' : 'Pin', ['store'], () => pin(!isPinned), isCached)}
        ${button('Purge', changing, purge, isCached)}
      </div>`;
    },
    explanation: () => notPossible(reasonAgainst(live, fetching)),
  };
}

/**
 * @param {number} count
 * @param {string} noun
 */
function counted(count, noun) {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

// Something of the API that is looked at again and again while its page is open. What was seen last stays when a look fails.
import { get } from './api.js';

/**
 * @template T
 * @typedef {object} Resource
 * @property {T | undefined} data
 * @property {Error | undefined} error of the last look
 * @property {() => Promise<void>} look
 * @property {() => void} close
 */

/**
 * @template T
 * @param {string} path
 * @param {{ readonly update: () => void, readonly everyMs?: number }} options `update`: called when there is news
 * @returns {Resource<T>} the caller closes it
 */
export function openResource(path, { update, everyMs }) {
  let isClosed = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  /** @type {Resource<T>} */
  const resource = {
    data: undefined,
    error: undefined,
    async look() {
      clearTimeout(timer);
      try {
        const data = /** @type {T} */ (await get(path));
        Object.assign(resource, { data, error: undefined });
      } catch (error) {
        resource.error = /** @type {Error} */ (error);
      }
      if (isClosed) return;
      update();
      clearTimeout(timer);
      if (everyMs !== undefined) timer = setTimeout(() => void resource.look(), everyMs);
    },
    close() {
      isClosed = true;
      clearTimeout(timer);
    },
  };
  void resource.look();
  return resource;
}

// Loads a resource of the API, and polls it while its page is open. If a request fails, the data of the last successful request
// stays.
import { get } from './api.js';

/**
 * @template T
 * @typedef {object} Resource
 * @property {T | undefined} data
 * @property {Error | undefined} error of the last request
 * @property {() => Promise<void>} load
 * @property {() => void} close
 */

/**
 * @template T
 * @param {string} path
 * @param {{ readonly update: () => void, readonly everyMs?: number }} options `update` is called after each request
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
    async load() {
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
      if (everyMs !== undefined) timer = setTimeout(() => void resource.load(), everyMs);
    },
    close() {
      isClosed = true;
      clearTimeout(timer);
    },
  };
  void resource.load();
  return resource;
}

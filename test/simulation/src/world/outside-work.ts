// Work that Node does outside of the world (files, name look-ups, child processes, the thread pool): virtual time waits for it.
import { webcrypto } from 'node:crypto';
import { createRequire } from 'node:module';
import { createGzip } from 'node:zlib';

let running = 0;

export function isBusyOutside(): boolean {
  return running > 0 || process.getActiveResourcesInfo().some((name) => name.includes('Req') || name === 'ProcessWrap');
}

type Member = (...given: unknown[]) => unknown;

/**
 * What goes on outside of the event loop without being listed by Node all the time: calls of `node:fs/promises` of several steps,
 * compression and Web Crypto.
 */
export function countThreadWork(): void {
  const files = createRequire(import.meta.url)('node:fs/promises') as object;
  for (const name of Object.keys(files)) if (name !== 'watch' && name !== 'opendir') replace(files, name, countPromise);
  const base: unknown = [1, 2, 3].reduce(
    (prototype: object) => Object.getPrototypeOf(prototype) as object,
    createGzip(),
  );
  replace(
    base as object,
    '_transform',
    (own) =>
      function transform(this: unknown, ...given: unknown[]) {
        const done = given.at(-1) as Member;
        running += 1;
        const counted = (...results: unknown[]) => {
          running -= 1;
          done(...results);
        };
        return Reflect.apply(own, this, [...given.slice(0, -1), counted]);
      },
  );
  const subtle = Object.getPrototypeOf(webcrypto.subtle) as object;
  for (const name of Object.getOwnPropertyNames(subtle))
    if (name !== 'constructor') replace(subtle, name, countPromise);
}

function countPromise(own: Member): Member {
  return async function counted(this: unknown, ...given: unknown[]) {
    running += 1;
    try {
      return await (Reflect.apply(own, this, given) as Promise<unknown>);
    } finally {
      running -= 1;
    }
  };
}

function replace(target: object, name: string, change: (own: Member) => Member): void {
  const own: unknown = Reflect.get(target, name);
  if (typeof own === 'function') Object.assign(target, { [name]: change(own as Member) });
}

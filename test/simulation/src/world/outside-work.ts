// Work that Node does outside of the world (files, name lookups, child processes, the thread pool). Virtual time waits
// for it.
import { ChildProcess } from 'node:child_process';
import { webcrypto } from 'node:crypto';
import { createRequire } from 'node:module';
import { createGzip } from 'node:zlib';

let running = 0;
let isCryptographyCounted = false;
let turn: Promise<unknown> = Promise.resolve();

/** Reports whether work that is counted here is in progress. Faster than `isBusyOutside`, which covers all work. */
export function isCounting(): boolean {
  return running > 0;
}

export function isBusyOutside(): boolean {
  return running > 0 || process.getActiveResourcesInfo().some((name) => name.includes('Req'));
}

type Member = (...given: unknown[]) => unknown;

/** Functions of `node:crypto` that work in threads if their last argument is a callback. */
const threaded = [
  'generateKey',
  'generateKeyPair',
  'generatePrime',
  'checkPrime',
  'hkdf',
  'pbkdf2',
  'scrypt',
  'sign',
  'verify',
];

/**
 * Counts the work that Node does not always list: multi-step calls of `node:fs/promises`, compression, cryptography. A
 * child process counts until all its output has been read.
 */
export function countOutsideWork(): void {
  const require = createRequire(import.meta.url);
  const files = require('node:fs/promises') as object;
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
        return Reflect.apply(own, this, countCallback(given));
      },
  );
  for (const name of threaded) replace(require('node:crypto') as object, name, countCallbacks);
  replace(ChildProcess.prototype, 'spawn', countChild);
}

/**
 * Counts the functions of `crypto.subtle`, which verify the tokens of users. They run one after another, so that they
 * end in a fixed order.
 */
export function countCryptography(): void {
  // Two nested queues would wait for each other.
  if (isCryptographyCounted) return;
  isCryptographyCounted = true;
  const subtle = Object.getPrototypeOf(webcrypto.subtle) as object;
  for (const name of Object.getOwnPropertyNames(subtle))
    if (name !== 'constructor') replace(subtle, name, (own) => countPromise(inTurn(own)));
}

/** The last element of `given` is called when the work is done. */
function countCallback(given: readonly unknown[]): unknown[] {
  const done = given.at(-1) as Member;
  running += 1;
  const counted = (...results: unknown[]) => {
    running -= 1;
    return done(...results);
  };
  return [...given.slice(0, -1), counted];
}

function countCallbacks(own: Member): Member {
  function counted(this: unknown, ...given: unknown[]) {
    return Reflect.apply(own, this, typeof given.at(-1) === 'function' ? countCallback(given) : given);
  }
  // `promisify` uses properties that Node has set on the function.
  return Object.defineProperties<Member>(counted, Object.getOwnPropertyDescriptors(own));
}

function countChild(own: Member): Member {
  return function spawn(this: ChildProcess, ...given: unknown[]) {
    running += 1;
    this.once('close', () => (running -= 1));
    return Reflect.apply(own, this, given);
  };
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

function inTurn(own: Member): Member {
  return function waiting(this: unknown, ...given: unknown[]) {
    const result = turn.then(() => Reflect.apply(own, this, given) as Promise<unknown>);
    turn = result.catch(() => {});
    return result;
  };
}

function replace(target: object, name: string, change: (own: Member) => Member): void {
  const own: unknown = Reflect.get(target, name);
  if (typeof own === 'function') Object.assign(target, { [name]: change(own as Member) });
}

// What is wrong with a configuration, all of it at once.
import type { RawValue } from './read-yaml.ts';

export interface Problem {
  /** Keys joined by dots, for example `http.addr`; empty where it is the file as a whole. */
  readonly path: string;
  /** What is wrong and what is allowed. Never a secret. */
  readonly message: string;
}

/** `message` has a line for every problem. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly Problem[];

  constructor(source: string, problems: readonly Problem[]) {
    const lines = problems.map(({ path, message }) => `  ${path === '' ? '' : `${path}: `}${message}`);
    super(`${source} has ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}:\n${lines.join('\n')}`);
    this.problems = problems;
  }
}

/** Where checks report to. */
export interface Findings {
  readonly problems: Problem[];
  readonly warnings: Problem[];
}

/** `['http', 'headers', 'X-A', 0]` to `http.headers.X-A[0]`. */
export function joinPath(path: readonly PropertyKey[]): string {
  return path
    .map((key, at) => (typeof key === 'number' ? `[${key}]` : `${at === 0 ? '' : '.'}${String(key)}`))
    .join('');
}

/** All before the last `@`, with the scheme apart. The `@` of an image's digest does not count. */
const userInfo = /^((?:[a-z][a-z\d+.-]*:)?\/\/)?[^]*@(?!sha(?:256|512):)/i;

/**
 * Hides the user info of every value of `raw` in the message. Messages repeat values that are wrong, and an address may hold a
 * password where none belongs: `redis://:password@host`.
 */
export function hideUserInfo(raw: RawValue): (problem: Problem) => Problem {
  const values = textsOf(raw).filter((text) => userInfo.test(text));
  return ({ path, message }) => ({
    path,
    message: values.reduce((shown, value) => shown.replaceAll(value, () => withoutUserInfo(value)), message),
  });
}

function withoutUserInfo(value: string): string {
  return value.replace(userInfo, '$1[redacted]@');
}

function textsOf(raw: RawValue): readonly string[] {
  if (typeof raw === 'string') return [raw];
  return raw === null ? [] : Object.values(raw).flatMap(textsOf);
}

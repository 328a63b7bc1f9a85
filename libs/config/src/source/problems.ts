// The problems of a configuration, and the error that reports all of them together.
import type { RawValue } from './read-yaml.ts';

export interface Problem {
  /** The keys joined by dots, for example `http.addr`. Empty means the whole file. */
  readonly path: string;
  /** The mistake and the allowed values. It never contains a secret. */
  readonly message: string;
}

/** The error of a configuration with problems. `message` has one line for each problem. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly Problem[];

  constructor(source: string, problems: readonly Problem[]) {
    const lines = problems.map(({ path, message }) => `  ${path === '' ? '' : `${path}: `}${message}`);
    super(`${source} has ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}:\n${lines.join('\n')}`);
    this.problems = problems;
  }
}

/** The lists to which checks add problems and warnings. */
export interface Findings {
  readonly problems: Problem[];
  readonly warnings: Problem[];
}

/** Converts `['http', 'headers', 'X-A', 0]` to `http.headers.X-A[0]`. */
export function joinPath(path: readonly PropertyKey[]): string {
  return path
    .map((key, at) => (typeof key === 'number' ? `[${key}]` : `${at === 0 ? '' : '.'}${String(key)}`))
    .join('');
}

/** Matches everything up to the last `@`, and captures the scheme. Ignores the `@` before an image's digest. */
const userInfo = /^((?:[a-z][a-z\d+.-]*:)?\/\/)?[^]*@(?!sha(?:256|512):)/i;

/**
 * Returns a function that hides the user info of all values of `raw` in a message. This is necessary because messages
 * repeat invalid values, and an address may contain a misplaced password: `redis://:password@host`.
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

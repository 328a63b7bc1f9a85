// What is wrong with a configuration, all of it at once.

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

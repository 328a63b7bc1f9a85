// Loads a configuration from a text, for tests.
import { execFileSync } from 'node:child_process';
import type { Environment } from '@cistern/runtime/process';
import type { Config } from './build-config.ts';
import { loadConfig } from './load-config.ts';
import { ConfigError, type Problem } from './source/problems.ts';

export interface Given {
  readonly env?: Environment;
  /** The content of files that the configuration names, by path. */
  readonly files?: Readonly<Record<string, string>>;
}

export function load(text: string | undefined, { env = {}, files = {} }: Given = {}): Config {
  return loadConfig({
    ...(text !== undefined && { path: 'config.yml' }),
    env,
    readFile: (path) => {
      // A path may be any text, even the name of an inherited property such as `valueOf`.
      const named = Object.hasOwn(files, path) ? files[path] : undefined;
      const content = path === 'config.yml' ? text : named;
      if (content === undefined) throw Object.assign(new Error('the file does not exist'), { code: 'ENOENT' });
      return content;
    },
    defaults: { rootDirectory: '/default-root' },
  });
}

export function problemsOf(text: string | undefined, given: Given = {}): readonly Problem[] {
  try {
    load(text, given);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

export function problemPaths(text: string | undefined, given: Given = {}): readonly string[] {
  return problemsOf(text, given).map(({ path }) => path);
}

/** Creates a certificate and its private key, in one PEM text. */
export function makeKeyPair(): string {
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', '/CN=cache.test'];
  const args = ['req', '-x509', ...newKey, '-keyout', '-', '-out', '-'];
  return execFileSync('openssl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
}

// Opens a compose project as a user would: the shipped file in the clone, with the changes of an override file.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Engine } from './open-engine.ts';
import { readNpmSettings } from './npm-settings.ts';

const repository = fileURLToPath(new URL('../../../..', import.meta.url));

interface ComposeOptions {
  /** Default 2 minutes. */
  readonly timeoutMs?: number;
  /** A line for standard input. Default: none. */
  readonly input?: string;
}

export interface Project {
  /** Runs `docker compose` for the project. */
  compose(args: readonly string[], options?: ComposeOptions): Promise<string>;
  /** Returns the names of the images by service. */
  images(): Promise<Record<string, string>>;
}

export interface ProjectFiles {
  /** Name of the shipped file. */
  readonly file: string;
  /** Name of the override in test/product/compose. */
  readonly override: string;
}

/** `env` has variables of both files. */
export async function openProject(
  engine: Engine,
  { file, override }: ProjectFiles,
  env: Readonly<Record<string, string>>,
): Promise<Project> {
  const npm = await readNpmSettings();
  const noAuthorities = join(engine.directory, 'no-authorities');
  await writeFile(noAuthorities, '');
  const build = { NPM_REGISTRY: npm.registry, NPM_CA: npm.ca ?? noAuthorities };
  const files = [file, join('test', 'product', 'compose', override)].flatMap((name) => ['--file', name]);
  // A developer's own `.env` is not used.
  const docker = ['docker', 'compose', '--ansi', 'never', '--env-file', '/dev/null', ...files];
  const compose: Project['compose'] = (args, { timeoutMs = 120_000, input } = {}) => {
    const script = input === undefined ? 'exec "$@"' : 'printf "%s\\n" "$0" | "$@"';
    return engine.run('sh', ['-c', script, input ?? 'sh', ...docker, ...args], {
      cwd: repository,
      env: { ...build, ...env },
      timeoutMs,
    });
  };
  return {
    compose,
    async images() {
      const { services } = JSON.parse(await compose(['config', '--format', 'json'])) as {
        services: Record<string, { image: string }>;
      };
      return Object.fromEntries(Object.entries(services).map(([name, { image }]) => [name, image]));
    },
  };
}

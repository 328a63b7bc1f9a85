// Creates the compose project as a user would: a copy of the shipped files, with new secrets.
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Engine } from './open-engine.ts';

const repository = fileURLToPath(new URL('../../../..', import.meta.url));

export interface Project {
  readonly directory: string;
  /** Runs `docker compose` in the directory. */
  compose(args: readonly string[], timeoutMs?: number): Promise<string>;
  /** Returns the names of the images by service. */
  images(): Promise<Record<string, string>>;
}

/** `upstreamUrl` is the cache's docker.io, as an URL in the engine's network. */
export async function openProject(engine: Engine, upstreamUrl: string): Promise<Project> {
  const directory = join(engine.directory, 'project');
  await mkdir(directory);
  for (const path of ['docker-compose.yml', 'infra'])
    await cp(join(repository, path), join(directory, path), { recursive: true });
  await cp(join(repository, 'test', 'product', 'compose', 'override.yml'), join(directory, 'override.yml'));
  await engine.run(join(directory, 'infra', 'make-secrets.sh'), []);
  const configFile = join(directory, 'config.yml');
  const config = await readFile(join(directory, 'infra', 'cistern', 'config.yml'), 'utf8');
  const upstreams = JSON.stringify({ 'docker.io': { url: upstreamUrl, default: true } });
  await writeFile(configFile, `${config}\nupstreams: ${upstreams}\n`);
  // A machine may allow few file descriptors.
  const env = { TEST_CONFIG: configFile, HAPROXY_MAXCONN: '4000' };
  const compose: Project['compose'] = (args, timeoutMs = 120_000) =>
    engine.docker(['compose', '--ansi', 'never', '--file', 'docker-compose.yml', '--file', 'override.yml', ...args], {
      cwd: directory,
      env,
      timeoutMs,
    });
  return {
    directory,
    compose,
    async images() {
      const { services } = JSON.parse(await compose(['config', '--format', 'json'])) as {
        services: Record<string, { image: string }>;
      };
      return Object.fromEntries(Object.entries(services).map(([name, { image }]) => [name, image]));
    },
  };
}

// Installs Grafana's components and bundles the page that draws dashboards with them. They are not dependencies of the project,
// because they are large, and only pictures need them.
import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { withFileLock } from '@cistern/test-servers';

const run = promisify(execFile);

const packages = {
  '@grafana/data': '12.2.0',
  '@grafana/schema': '12.2.0',
  '@grafana/ui': '12.2.0',
  esbuild: '0.25.12',
  'puppeteer-core': '24.43.1',
  react: '18.3.1',
  'react-dom': '18.3.1',
  rxjs: '7.8.1',
};

/** Grafana's tables use a fork that is not a package. Panels of dashboards here have no tables. */
const overrides = { 'react-data-grid': '7.0.0-beta.47' };

/** The part of esbuild that is used. */
interface Bundler {
  build(options: object): Promise<unknown>;
}

/** A folder of the system's temporary one, which later runs use again. */
const folder = join(tmpdir(), 'cistern-grafana');
const source = join(import.meta.dirname, 'page');

/** Resolves to the folder, which has `page.bundle.js`, and packages for `requireFrom`. */
export async function installGrafana(): Promise<string> {
  await mkdir(folder, { recursive: true });
  await withFileLock(join(folder, 'install.lock'), async () => {
    const manifest = JSON.stringify({ private: true, type: 'module', dependencies: packages, overrides });
    const installed = join(folder, 'installed.json');
    if ((await readFile(installed, 'utf8').catch(() => '')) !== manifest) {
      await writeFile(join(folder, 'package.json'), manifest);
      const args = ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--legacy-peer-deps'];
      await run('npm', args, { cwd: folder, maxBuffer: 64 * 1024 * 1024 });
      await writeFile(installed, manifest);
    }
    await cp(source, join(folder, 'page'), { recursive: true });
    const { build } = requireFrom(folder, 'esbuild') as Bundler;
    await build({
      absWorkingDir: folder,
      entryPoints: ['page/page.js'],
      outfile: 'page.bundle.js',
      bundle: true,
      format: 'iife',
      minify: true,
      logLevel: 'error',
      define: { 'process.env.NODE_ENV': '"production"', global: 'window' },
      loader: { '.svg': 'dataurl', '.png': 'dataurl', '.woff': 'dataurl', '.woff2': 'dataurl', '.ttf': 'dataurl' },
    });
  });
  return folder;
}

/** Loads a package of the folder. */
export function requireFrom(installed: string, name: string): unknown {
  return createRequire(join(installed, 'page.js'))(name);
}

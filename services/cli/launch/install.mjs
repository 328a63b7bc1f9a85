// Brings node_modules in line with package-lock.json before anything else of the project is loaded. Started by whatever
// Node is on the machine (20 or later), on a fresh clone, so it imports nothing but `node:`.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/**
 * Installs into `root` if something that package-lock.json asks for is not there; does nothing where there is no
 * package-lock.json (a packed copy). `dev`: the tools that only checks and tests need must be there too.
 * Throws an Error whose message is for the user.
 */
export function install(root, { dev = false } = {}) {
  const reason = whyInstall(root, { dev });
  if (reason === undefined) return;
  process.stderr.write(`cistern: installing dependencies with "npm ci" (${reason}) …\n`);
  // Engine warnings are about the Node that runs npm, not the pinned one that runs Cistern: only errors are of interest.
  const args = ['ci', '--loglevel=error', '--no-audit', '--no-fund', '--no-update-notifier'];
  // Standard output belongs to Cistern's log, so npm's goes to standard error.
  const done = spawnSync('npm', args, { cwd: root, env: environmentForNpm(root), stdio: ['ignore', 2, 2] });
  if (done.error?.code === 'ENOENT')
    throw new Error('"npm" was not found: install npm, or run "npm ci" by other means.');
  if (done.error !== undefined) throw new Error(`"npm ci" could not be started: ${done.error.message}.`);
  if (done.status !== 0) throw new Error(`"npm ci" failed (${done.signal ?? `exit ${done.status}`}); see above.`);
}

/** Why node_modules has to be installed anew, in a few words; `undefined` if it need not. */
function whyInstall(root, { dev }) {
  const lockFile = join(root, 'package-lock.json');
  if (!existsSync(lockFile)) return undefined;
  // What npm itself notes about the last installation, a user's own "npm ci" included.
  const installedFile = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(installedFile)) return 'nothing is installed yet';
  const wanted = readPackages(lockFile);
  const installed = readPackages(installedFile);
  for (const [path, { version, optional, dev: isDev }] of Object.entries(wanted)) {
    if (path === '') continue;
    const found = installed[path];
    if (found === undefined) {
      if (optional || (isDev && !dev)) continue;
      return `${path} is missing`;
    }
    if (found.version !== version) return `${path} is ${found.version}, package-lock.json wants ${version}`;
  }
  return undefined;
}

function readPackages(file) {
  return JSON.parse(readFileSync(file, 'utf8')).packages ?? {};
}

// Under "npm start" the project's node_modules/.bin leads the PATH, and with it the pinned Node: npm must not run on a
// binary that it is about to replace.
function environmentForNpm(root) {
  const own = join(root, 'node_modules', '.bin');
  const path = (process.env.PATH ?? '').split(delimiter).filter((entry) => entry !== own);
  return { ...process.env, PATH: path.join(delimiter) };
}

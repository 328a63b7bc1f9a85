// Installs the packages of package-lock.json before anything else of the project is loaded. This file runs in a fresh
// clone, on the Node of the machine (20 or later). So it imports only `node:` modules.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/**
 * Runs `npm ci` in `root` if a package of package-lock.json is missing or has another version. Does nothing if there is
 * no package-lock.json, as in a packed copy. With `dev`, the packages that only checks and tests need are required too.
 * Throws an Error whose message is for the user.
 */
export function install(root, { dev = false } = {}) {
  const reason = whyInstall(root, { dev });
  if (reason === undefined) return;
  process.stderr.write(`cistern: installing dependencies with "npm ci" (${reason}) …\n`);
  // npm's engine warnings are about the Node that runs npm. Cistern runs on the pinned Node, so only errors are shown.
  const args = ['ci', '--loglevel=error', '--no-audit', '--no-fund', '--no-update-notifier'];
  // Standard output is reserved for Cistern's log, so npm's output goes to standard error.
  const done = spawnSync('npm', args, { cwd: root, env: environmentForNpm(root), stdio: ['ignore', 2, 2] });
  if (done.error?.code === 'ENOENT')
    throw new Error('"npm" was not found. Install npm, or run "npm ci" in another way.');
  if (done.error !== undefined) throw new Error(`"npm ci" could not be started: ${done.error.message}.`);
  if (done.status !== 0) throw new Error(`"npm ci" failed (${done.signal ?? `exit ${done.status}`}); see above.`);
}

/** Returns why node_modules must be installed, in a few words, or `undefined` if it is up to date. */
function whyInstall(root, { dev }) {
  const lockFile = join(root, 'package-lock.json');
  if (!existsSync(lockFile)) return undefined;
  // npm writes this file at the end of each installation, so the packages of a user's own "npm ci" are found too.
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
    if (found.version !== version) return `${path} is ${found.version}, package-lock.json requires ${version}`;
  }
  return undefined;
}

function readPackages(file) {
  return JSON.parse(readFileSync(file, 'utf8')).packages ?? {};
}

// "npm start" puts the project's node_modules/.bin, which contains the pinned Node, first in the PATH. But npm must not
// run on a Node that it replaces, so this function removes the directory from the PATH.
function environmentForNpm(root) {
  const own = join(root, 'node_modules', '.bin');
  const path = (process.env.PATH ?? '').split(delimiter).filter((entry) => entry !== own);
  return { ...process.env, PATH: path.join(delimiter) };
}

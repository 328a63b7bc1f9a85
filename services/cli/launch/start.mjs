// Starts the command line with V8's flags, on a Node that is new enough. Imports only `node:` modules, because it runs on
// the Node of the machine (20 or later).
import * as module from 'node:module';
import { pathToFileURL } from 'node:url';
import { becomeNode, findNode } from './pinned-node.mjs';

// The first flag sets the size of V8's semi-space in MiB, and so the size of the young generation. With the default of
// 16, a busy process takes that much more memory and is no faster. With 4, a small response takes a tenth more CPU. The
// second flag lets a node collect the garbage of its startup.
const flags = ['--max-semi-space-size=8', '--expose-gc'];

/**
 * The exit code of a program whose shared libraries are missing. The dynamic linker has printed their names. A launcher on
 * Node 22.15 or later has been replaced, so it cannot explain them.
 */
const missingLibrary = 127;
const libraryHint =
  'the prebuilt Node did not start, see above. It needs the library libatomic. ' +
  'Install it: "apt-get install libatomic1" on Debian and Ubuntu, "dnf install libatomic" on Fedora.';

/**
 * Runs the file `main` with the arguments of this process. `root` is the directory of the package.json that pins Node.
 * `prepare` runs before everything else. V8 keeps compiled code in the directory `compileCache`. It is no error if that
 * directory cannot be written. Reports an error to the user and sets exit code 1.
 */
export async function start({ root, main, prepare = () => {}, compileCache }) {
  try {
    prepare();
    const node = findNode(root);
    if (node === process.execPath && flags.every((flag) => process.execArgv.includes(flag))) {
      if (compileCache !== undefined) module.enableCompileCache?.(compileCache);
      await import(pathToFileURL(main).href);
    } else {
      const env = { ...process.env, ...(compileCache !== undefined && { NODE_COMPILE_CACHE: compileCache }) };
      process.exitCode = await becomeNode(node, [...flags, main, ...process.argv.slice(2)], env);
      if (process.exitCode === missingLibrary) throw new Error(libraryHint);
    }
  } catch (error) {
    process.stderr.write(`cistern: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}

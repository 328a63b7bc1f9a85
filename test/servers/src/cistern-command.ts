// Finds the real `cistern` command of a checkout.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const own = fileURLToPath(new URL('../../..', import.meta.url));

/** Returns the command and its first arguments. Default: the command of this checkout. */
export function cisternCommand(checkout: string = own): readonly [string, ...string[]] {
  const node = join(checkout, 'node_modules', '.bin', 'node');
  // The launcher starts another process unless it runs on the pinned version of Node.js. Here it does, so the started
  // process is Cistern itself.
  return [node, join(checkout, 'services', 'cli', 'launch', 'cistern.mjs')];
}

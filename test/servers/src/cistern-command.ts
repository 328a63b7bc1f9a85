// Finds the real `cistern` command of a checkout or of a packed release.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const own = process.env['CISTERN_TEST_PRODUCT'] ?? fileURLToPath(new URL('../../..', import.meta.url));

/**
 * Returns the command and its first arguments. `product` is the directory of a checkout, or of an unpacked npm package
 * of a release. Default: the variable `CISTERN_TEST_PRODUCT`, else this checkout.
 */
export function cisternCommand(product: string = own): readonly [string, ...string[]] {
  const packed = join(product, 'launch', 'packed.mjs');
  if (existsSync(packed)) return [process.execPath, packed];
  const node = join(product, 'node_modules', '.bin', 'node');
  // The launcher starts another process unless it runs on the pinned version of Node.js. Here it does, so the started
  // process is Cistern itself.
  return [node, join(product, 'services', 'cli', 'launch', 'cistern.mjs')];
}

// Preload this file into a process to list its modules. When the process exits, the list is written to the file that
// TEST_LOADED_FILE names.
import { writeFileSync } from 'node:fs';
import { registerHooks } from 'node:module';

const loaded: string[] = [];

registerHooks({
  load(url, context, next) {
    loaded.push(url);
    return next(url, context);
  },
});

process.once('exit', () => {
  const file = process.env['TEST_LOADED_FILE'];
  if (file !== undefined) writeFileSync(file, JSON.stringify([...loaded, ...ofNode()]));
});

/** Returns the loaded modules of Node.js itself. The types of Node.js do not declare this list. */
function ofNode(): readonly string[] {
  return Reflect.get(process, 'moduleLoadList') as string[];
}

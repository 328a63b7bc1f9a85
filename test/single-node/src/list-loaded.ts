// Preloaded into a process to examine its modules. Writes a list of loaded modules to a file when the process exits.
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

/** Returns Node's own loaded modules, from a list that its types do not declare. */
function ofNode(): readonly string[] {
  return Reflect.get(process, 'moduleLoadList') as string[];
}

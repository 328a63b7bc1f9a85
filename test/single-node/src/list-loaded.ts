// Preloaded by a process whose modules are of interest: writes what it has loaded to a file when it ends.
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

/** Of its own modules, by a list that its types do not know. */
function ofNode(): readonly string[] {
  return Reflect.get(process, 'moduleLoadList') as string[];
}

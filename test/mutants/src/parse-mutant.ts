// A mutant is a patch that plants one bug. Its head has `key: value` lines that describe the bug and the promise that
// it breaks.

export interface Mutant {
  /** The patch's file name, without its extension. */
  readonly name: string;
  readonly bug: string;
  /** The promise that it breaks. */
  readonly breaks: string;
  /** Subject of the commit that fixed the bug, or undefined for a bug that never existed. */
  readonly reverses: string | undefined;
  /** Tests or folders of tests that reach the bug without importing it, because they start processes. */
  readonly reaches: readonly string[];
  /** The files that the patch changes, relative to the root. */
  readonly files: readonly string[];
  readonly patch: string;
}

const keys = new Set(['bug', 'breaks', 'reverses', 'reaches']);

/** Throws an Error that names the patch and its fault. */
export function parseMutant(name: string, patch: string): Mutant {
  const fail = (why: string): never => {
    throw new Error(`${name}.patch ${why}`);
  };
  const at = patch.search(/^--- /m);
  if (at === -1) return fail('has no change');
  const head = new Map<string, string>();
  for (const line of patch.slice(0, at).split('\n').filter(Boolean)) {
    const [, key = '', value = ''] = /^([a-z]+): (\S.*)$/.exec(line) ?? [];
    if (!keys.has(key)) fail(`has a line in its head with none of the keys ${[...keys].join(', ')}: ${line}`);
    if (head.has(key)) fail(`has "${key}" twice`);
    head.set(key, value);
  }
  const required = (key: string): string => head.get(key) ?? fail(`has no "${key}"`);
  return {
    name,
    bug: required('bug'),
    breaks: required('breaks'),
    reverses: head.get('reverses'),
    reaches: head.get('reaches')?.split(/\s+/) ?? [],
    files: [...patch.matchAll(/^\+\+\+ b\/(\S+)$/gm)].map(([, file = '']) => file),
    patch,
  };
}

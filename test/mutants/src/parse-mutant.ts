// A mutant: a patch that plants one bug, with a head of `key: value` lines that says what it is and what it breaks.

export interface Mutant {
  /** The patch's file name, without its ending. */
  readonly name: string;
  readonly bug: string;
  /** The promise that it breaks. */
  readonly breaks: string;
  /** Subject of the fix that it takes back; absent for a bug that never was. */
  readonly reverses: string | undefined;
  /** Tests or folders of tests that reach the bug without importing it, because they start processes. */
  readonly reaches: readonly string[];
  /** That the patch changes, relative to the root. */
  readonly files: readonly string[];
  readonly patch: string;
}

const keys = new Set(['bug', 'breaks', 'reverses', 'reaches']);

/** Throws an Error that names the patch and what is wrong with it. */
export function parseMutant(name: string, patch: string): Mutant {
  const fail = (why: string): never => {
    throw new Error(`${name}.patch ${why}`);
  };
  const at = patch.search(/^--- /m);
  if (at === -1) return fail('holds no change');
  const head = new Map<string, string>();
  for (const line of patch.slice(0, at).split('\n').filter(Boolean)) {
    const [, key = '', value = ''] = /^([a-z]+): (\S.*)$/.exec(line) ?? [];
    if (!keys.has(key)) fail(`has a line in its head that is none of ${[...keys].join(', ')}: ${line}`);
    if (head.has(key)) fail(`says "${key}" twice`);
    head.set(key, value);
  }
  const required = (key: string): string => head.get(key) ?? fail(`does not say "${key}"`);
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

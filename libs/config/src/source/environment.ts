// Applies environment variables: `REGISTRY_HTTP_ADDR=:6000` sets `http.addr`. The rule is that of registry:2 and also
// applies to Cistern's own keys. Names match case-insensitively, values are YAML, and variables apply in the order of
// their names.
import type { Environment } from '@cistern/runtime/process';
import { childOf, type KeyNode } from './key-tree.ts';
import { joinPath, type Problem } from './problems.ts';
import { isRawMap, type RawMap, type RawValue, readYaml } from './read-yaml.ts';

const prefix = 'REGISTRY_';
/**
 * Matches variables that have the prefix, but set no key: `REGISTRY_CONFIGURATION_PATH`, and those that Kubernetes and
 * Docker set for a service or container named "registry".
 */
const foreign = /^REGISTRY_(?:CONFIGURATION_PATH$|(?:SERVICE|PORT)(?:_|$))/;

/**
 * Writes the values of the variables into `raw`. Returns a map from each written path to the name of its variable. A
 * variable that names no key causes a warning and no problem, because other programs may use the same prefix.
 */
export function applyEnvironment(
  raw: RawMap,
  env: Environment,
  tree: KeyNode,
  warnings: Problem[],
): ReadonlyMap<string, string> {
  const written = new Map<string, string>();
  for (const [name, value] of Object.entries(env).sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (!name.startsWith(prefix) || foreign.test(name) || value === undefined) continue;
    const path = set(raw, tree, name.slice(prefix.length).split('_'), readValue(value));
    if (path === undefined)
      warnings.push({ path: name, message: 'this environment variable names no key and is ignored' });
    else written.set(joinPath(path), name);
  }
  return written;
}

/** Adds to a problem's message the variables that set the key of the problem, a key above it, or a key below it. */
export function nameVariables(problem: Problem, written: ReadonlyMap<string, string>): Problem {
  const names = [...written].flatMap(([path, name]) =>
    path === problem.path || isBelow(path, problem.path) || isBelow(problem.path, path) ? [name] : [],
  );
  return names.length === 0 ? problem : { ...problem, message: `${problem.message} (set by ${names.join(', ')})` };
}

function isBelow(path: string, above: string): boolean {
  return above !== '' && (path.startsWith(`${above}.`) || path.startsWith(`${above}[`));
}

type Path = readonly (string | number)[];

/** Sets the value of a key. Returns the key's path, or `undefined` if the segments name no key. */
function set(target: RawMap, node: KeyNode, segments: readonly string[], value: RawValue): Path | undefined {
  const found = findKey(target, node, segments);
  if (found === undefined) return undefined;
  const { key, child, rest } = found;
  if (rest.length === 0) {
    target[key] = value;
    return [key];
  }
  if (child.kind === 'value') return undefined;
  if (child.kind === 'list') return setItem(target, key, rest, value);
  const existing = target[key];
  const below = isRawMap(existing) ? existing : typeof existing === 'string' ? { [existing]: null } : {};
  const path = set(below, child, rest, value);
  if (path === undefined) return undefined;
  target[key] = below;
  return [key, ...path];
}

function setItem(target: RawMap, key: string, rest: readonly string[], value: RawValue): Path | undefined {
  const existing = target[key] ?? [];
  const list = Array.isArray(existing) ? existing : [existing];
  const at = Number(rest[0]);
  if (rest.length !== 1 || !Number.isInteger(at) || at < 0 || at > list.length) return undefined;
  target[key] = list.toSpliced(at, 1, value);
  return [key, at];
}

/**
 * Finds the known key that as many of the first segments as possible name together. If they name none, a map gets a
 * new key: the first segment, in lower case.
 */
function findKey(target: RawMap, node: KeyNode, segments: readonly string[]) {
  const known = new Set([...Object.keys(target), ...(node.kind === 'section' ? node.children.keys() : [])]);
  for (let length = segments.length; length > 0; length--) {
    const wanted = segments.slice(0, length).join('_').toLowerCase();
    const key = [...known].find((name) => name.toLowerCase() === wanted);
    const child = key === undefined ? undefined : childOf(node, key);
    if (key !== undefined && child !== undefined) return { key, child, rest: segments.slice(length) };
  }
  const [first, ...rest] = segments;
  const child = first === undefined || first === '' ? undefined : childOf(node, first.toLowerCase());
  if (first === undefined || child === undefined || node.kind === 'section') return undefined;
  return { key: first.toLowerCase(), child, rest };
}

/**
 * Matches addresses, paths, words and numbers. As YAML such a text means itself, so the YAML parser need not be loaded
 * for it.
 */
const plain = /^[\w/:](?:[\w./:-]*[\w./-])?$/;

/** Parses the value of a variable as YAML. Returns invalid YAML, such as the password `*x` or `[x`, as text. */
export function readValue(text: string): RawValue {
  if (plain.test(text) && !/^(?::|null)$/i.test(text)) return text;
  try {
    return readYaml(text);
  } catch {
    return text;
  }
}

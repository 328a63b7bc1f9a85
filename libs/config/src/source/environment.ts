// Applies environment variables: `REGISTRY_HTTP_ADDR=:6000` sets `http.addr`. This is registry:2's rule, for our own
// keys too. Names match case-insensitively, values are YAML, and variables apply in the order of their names.
import type { Environment } from '@cistern/runtime/process';
import { childOf, type KeyNode } from './key-tree.ts';
import { joinPath, type Problem } from './problems.ts';
import { isRawMap, type RawMap, type RawValue, readYaml } from './read-yaml.ts';

const prefix = 'REGISTRY_';
/**
 * `REGISTRY_CONFIGURATION_PATH`, and variables of Kubernetes and Docker for a service or container named "registry".
 */
const foreign = /^REGISTRY_(?:CONFIGURATION_PATH$|(?:SERVICE|PORT)(?:_|$))/;

/**
 * Writes the variables into `raw` and returns the variable's name by path. A variable that names no key only causes a
 * warning, because other programs may use the same prefix.
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

/** Adds to a problem the variables that wrote its path, or a part of it. */
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

/** Sets a value and returns its path, or `undefined` if there is no such key. */
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

/** Finds the longest run of segments that names a key. A new key of a map is one segment, in lower case. */
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

/** Matches addresses, paths, words and numbers. Each is YAML for itself, so the YAML parser need not be loaded. */
const plain = /^[\w/:](?:[\w./:-]*[\w./-])?$/;

/** Parses the value of a variable as YAML. Invalid YAML, such as the password `*x` or `[x`, is taken literally. */
export function readValue(text: string): RawValue {
  if (plain.test(text) && !/^(?::|null)$/i.test(text)) return text;
  try {
    return readYaml(text);
  } catch {
    return text;
  }
}

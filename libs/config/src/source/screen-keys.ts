// Checks the keys of a configuration. Unknown keys are problems. Unsupported keys cause a warning or a problem. The
// values of all other keys are checked later, by the schemas of the sections. A key without a value counts as absent,
// unless it is a section or a map, which then counts as present and empty.
import { childOf, type KeyNode, type SectionNode, type UnsupportedNode } from './key-tree.ts';
import { joinPath, type Findings } from './problems.ts';
import { isRawMap, type RawMap, type RawValue } from './read-yaml.ts';

type Path = readonly PropertyKey[];

/** Returns a copy of `raw` with only the supported keys. */
export function screenKeys(raw: RawMap, node: KeyNode, findings: Findings, path: Path = []): RawMap {
  const kept: RawMap = {};
  for (const [key, value] of Object.entries(raw)) {
    const child = childOf(node, key);
    const childPath = [...path, key];
    if (child === undefined) reportUnknown(key, node, findings, childPath);
    else if (child.kind === 'unsupported') reportUnsupported(child, value, findings, childPath);
    else {
      const screened = screenValue(value, child, findings, childPath);
      if (screened !== undefined) kept[key] = screened;
    }
  }
  return kept;
}

function screenValue(value: RawValue, node: KeyNode, findings: Findings, path: Path): RawValue | undefined {
  const container = node.kind === 'section' || node.kind === 'map';
  if (value === null) return container ? {} : undefined;
  if (node.kind === 'list' && node.item !== undefined && Array.isArray(value))
    return screenItems(value, node.item, findings, path);
  return container && isRawMap(value) ? screenKeys(value, node, findings, path) : value;
}

/** Screens the items of a list of sections. Keeps an item that is not a section, so that the schema rejects it. */
function screenItems(items: readonly RawValue[], node: SectionNode, findings: Findings, path: Path): RawValue {
  return items.map((item, at) => screenValue(item, node, findings, [...path, at]) ?? null);
}

function isSupported(node: KeyNode): boolean {
  if (node.kind !== 'section') return node.kind !== 'unsupported';
  return node.children.size === 0 || [...node.children.values()].some(isSupported);
}

function reportUnknown(key: string, node: KeyNode, { problems }: Findings, path: Path): void {
  const known = node.kind === 'section' ? [...node.children] : [];
  const supported = known.filter(([, child]) => isSupported(child)).map(([name]) => name);
  const suggestion = didYouMean(
    key,
    known.map(([name]) => name),
  );
  const message = `is not a known key; ${
    suggestion === undefined ? `allowed keys: ${supported.sort().join(', ')}` : `did you mean ${suggestion}?`
  }`;
  problems.push({ path: joinPath(path), message });
}

function reportUnsupported({ row, below }: UnsupportedNode, value: RawValue, findings: Findings, path: Path): void {
  const finding = { path: joinPath(path), message: row.reason };
  (row.standing === 'warned' ? findings.warnings : findings.problems).push(finding);
  if (row.shape === undefined || below === undefined) return;
  const result = row.shape.safeParse(screenValue(value, below, findings, path));
  for (const issue of result.error?.issues ?? [])
    findings.problems.push({ path: joinPath([...path, ...issue.path]), message: issue.message });
}

/** Returns the Levenshtein distance of two texts. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, at) => at);
  for (let i = 0; i < from.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < to.length; j++)
      next.push(Math.min((next[j] ?? 0) + 1, (row[j + 1] ?? 0) + 1, (row[j] ?? 0) + (from[i] === to[j] ? 0 : 1)));
    row = next;
  }
  return row.at(-1) ?? 0;
}

/**
 * Returns the name in `known` that is most similar to a mistyped key. At most a third of the letters of that name may
 * differ from the key, but one letter always may.
 */
function didYouMean(key: string, known: Iterable<string>): string | undefined {
  const plain = key.toLowerCase().replaceAll(/[-_]/g, '');
  return [...known]
    .map((name) => ({ name, distance: editDistance(plain, name) }))
    .filter(({ name, distance }) => distance <= Math.max(1, Math.floor(name.length / 3)))
    .sort((a, b) => a.distance - b.distance)[0]?.name;
}

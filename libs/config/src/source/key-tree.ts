// Builds one tree of all known keys, from the sections' schemas and the list of unsupported keys. The code that applies
// environment variables, the check for unknown keys and the reference page use this tree.
import { z } from 'zod';
import { keyDocs, type KeyDoc } from '../values/values.ts';
import type { UnsupportedKey } from './unsupported-keys.ts';

export interface SectionNode {
  readonly kind: 'section';
  readonly doc: KeyDoc | undefined;
  readonly children: Map<string, KeyNode>;
}

interface MapNode {
  readonly kind: 'map';
  readonly doc: KeyDoc | undefined;
  /** The node of every value of the map. */
  readonly item: KeyNode;
}

interface LeafNode {
  readonly kind: 'list' | 'value';
  readonly doc: KeyDoc | undefined;
  readonly default?: unknown;
  /** The node of every item. Set only for a list of sections. */
  readonly item?: SectionNode;
}

export interface UnsupportedNode {
  readonly kind: 'unsupported';
  readonly row: UnsupportedKey;
  /** The node of `row.shape`. Unset if the row has no `shape`. */
  readonly below?: KeyNode;
}

export type KeyNode = SectionNode | MapNode | LeafNode | UnsupportedNode;

export function buildKeyTree(shape: z.ZodRawShape, rows: readonly UnsupportedKey[]): SectionNode {
  const root: SectionNode = { kind: 'section', doc: undefined, children: childrenOf(shape) };
  for (const row of rows) hang(root, row.path.split('.'), row);
  return root;
}

function childrenOf(shape: z.ZodRawShape): Map<string, KeyNode> {
  return new Map(Object.entries(shape).map(([key, schema]) => [key, nodeOf(schema as z.ZodType)]));
}

function nodeOf(schema: z.ZodType, fallback?: unknown): KeyNode {
  const doc = keyDocs.get(schema);
  if (schema instanceof z.ZodPrefault) return nodeOf(schema.unwrap() as z.ZodType, schema.def.defaultValue);
  if (schema instanceof z.ZodOptional) return nodeOf(schema.unwrap() as z.ZodType);
  if (schema instanceof z.ZodObject) return { kind: 'section', doc, children: childrenOf(schema.shape) };
  if (schema instanceof z.ZodRecord) return { kind: 'map', doc, item: nodeOf(schema.valueType as z.ZodType) };
  const isList = schema instanceof z.ZodPipe && schema.in instanceof z.ZodTransform;
  const item = isList && schema.out instanceof z.ZodArray ? nodeOf(schema.out.element as z.ZodType) : undefined;
  return {
    kind: isList ? 'list' : 'value',
    doc,
    ...(fallback !== undefined && { default: fallback }),
    ...(item?.kind === 'section' && { item }),
  };
}

function hang(node: KeyNode, [key = '', ...rest]: readonly string[], row: UnsupportedKey): void {
  if (node.kind === 'map') return hang(node.item, rest, row);
  if (node.kind !== 'section') throw new Error(`the schema has no section for ${row.path}`);
  const child = node.children.get(key);
  if (rest.length > 0) {
    const next: KeyNode = child ?? { kind: 'section', doc: undefined, children: new Map() };
    node.children.set(key, next);
    return hang(next, rest, row);
  }
  if (child !== undefined) throw new Error(`${row.path} is both supported and unsupported`);
  node.children.set(key, { kind: 'unsupported', row, ...(row.shape && { below: nodeOf(row.shape) }) });
}

/**
 * Returns the node of a key directly below `node`, or `undefined` if the key is unknown. An unsupported node is also
 * the node of all keys below it.
 */
export function childOf(node: KeyNode, key: string): KeyNode | undefined {
  if (node.kind === 'section') return node.children.get(key);
  if (node.kind === 'map') return node.item;
  return node.kind === 'unsupported' ? node : undefined;
}

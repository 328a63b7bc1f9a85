// The reference page of the configuration, made from the schema, so that it cannot say anything else than the code.
import type { KeyNode, UnsupportedNode } from './source/key-tree.ts';
import { keyTree } from './build-config.ts';
import { builtInUpstreams, dockerHub } from './sections/built-in-upstreams.ts';
import { defaultFreshness } from './sections/freshness.ts';
import { unsupportedKeys, type UnsupportedKey } from './source/unsupported-keys.ts';

/** Markdown; ends with a line break. */
export function describeConfig(): string {
  return `${[introduction, honouredKeys(), builtInTable(), builtInFreshness(), unsupported()].join('\n\n')}\n`;
}

const introduction = `# Configuration

*This page is generated from the schema: change the schema, then run \`npm run docs\`.*

The configuration is one YAML file, a superset of registry:2's: a file for registry:2 as a pull-through cache and its
\`REGISTRY_…\` variables work unchanged. Without a file everything has its default. Every error is printed together with
its key, and nothing is started; an unknown key is an error.

- **Environment.** \`REGISTRY_HTTP_ADDR=:6000\` sets \`http.addr\`, and so on for every key, without regard to case; values
  are YAML. Variables apply over the file, in the order of their names. Items of a list have their number:
  \`REGISTRY_HTTP_TRUSTEDPROXIES_0\`. A name with dots stays as it is (\`REGISTRY_UPSTREAMS_QUAY.IO_TTL\`), which shells
  cannot set but container runtimes can. A variable that names no key is ignored with a warning.
  \`REGISTRY_CONFIGURATION_PATH\` names the file where the command line does not.
- **Durations** have units: \`500ms\`, \`30s\`, \`5m\`, \`1h30m\`. As in registry:2 a bare number means nanoseconds; below
  a millisecond it is refused as a mistake.
- **Sizes** are bytes, or have units: \`500MB\` (powers of 1000), \`20GiB\` (powers of 1024).
- **Secrets** are given by value, by environment or by file, and are \`[redacted]\` wherever a configuration is shown.
- **Booleans** are \`true\` and \`false\`; \`yes\`, \`no\`, \`on\` and \`off\` are taken too.`;

type Row = Readonly<Record<'path' | 'type' | 'default' | 'description', string>>;

function honouredKeys(): string {
  const top = [...keyTree.children].flatMap(([key, node]) => (node.kind === 'unsupported' ? [] : [{ key, node }]));
  const single = top.flatMap(({ key, node }) => (node.kind === 'value' ? rowOf(key, node) : []));
  const sections = top
    .map(({ key, node }) => ({ key, node, rows: rowsOf(key, node) }))
    .filter(({ rows }) => rows.length > 0)
    .map(({ key, node, rows }) => `### \`${key}\`\n\n${leadOf(node)}\n\n${keyTable(rows)}`);
  return ['## Honoured keys', keyTable(single), ...sections].join('\n\n');
}

function leadOf(node: DescribedNode): string {
  const fallback = node.doc?.defaultText;
  return `${node.doc?.description ?? ''}${fallback === undefined ? '' : ` Default: ${fallback}.`}`;
}

type DescribedNode = Exclude<KeyNode, UnsupportedNode>;

/** The keys below a node. */
function rowsOf(path: string, node: KeyNode): readonly Row[] {
  if (node.kind === 'section')
    return [...node.children].flatMap(([key, child]) =>
      child.kind === 'unsupported' ? [] : [...rowOf(`${path}.${key}`, child), ...rowsOf(`${path}.${key}`, child)],
    );
  if (node.kind === 'list' && node.item !== undefined) return rowsOf(`${path}[]`, node.item);
  return node.kind === 'map' ? rowsOf(`${path}.<name>`, node.item) : [];
}

function rowOf(path: string, node: DescribedNode): readonly Row[] {
  const { doc } = node;
  return doc ? [{ path, type: doc.type, default: defaultOf(node), description: doc.description }] : [];
}

function defaultOf(node: DescribedNode): string {
  if (node.doc?.defaultText !== undefined) return node.doc.defaultText;
  const value = 'default' in node ? node.default : undefined;
  if (Array.isArray(value)) return value.length === 0 ? '' : `\`[${value.join(', ')}]\``;
  return typeof value === 'string' ? `\`${value}\`` : '';
}

function keyTable(rows: readonly Row[]): string {
  return table(
    ['key', 'type', 'default', 'what it does'],
    rows.map((row) => [`\`${row.path}\``, row.type, row.default, row.description]),
  );
}

function builtInTable(): string {
  const rows = Object.entries(builtInUpstreams).map(([name, { url, aliases }]) => [
    `\`${name}\`${name === dockerHub ? ' (default)' : ''}`,
    url,
    aliases.map((alias) => `\`${alias}\``).join(', '),
  ]);
  return `## Built-in upstreams\n\nServed when neither \`proxy.remoteurl\` nor \`upstreams\` is given. An upstream named \`docker.io\` always has\nthese aliases, and a name of one component such as \`nginx\` is \`library/nginx\` there.\n\n${table(['name', 'url', 'aliases'], rows)}`;
}

function builtInFreshness(): string {
  const rows = defaultFreshness.map(({ tags, ttlMs, staleWhileRevalidateMs }) => [
    tags.map((pattern) => `\`${pattern}\``).join(' '),
    ...[ttlMs, staleWhileRevalidateMs].map((ms) => (ms < 3_600_000 ? `${ms / 60_000}m` : `${ms / 3_600_000}h`)),
  ]);
  return `## Freshness of tags

What holds for an upstream with neither \`freshness\` nor \`ttl\`. A whole version is not supposed to move, but does now and
then: images are built again on a newer base. \`latest\`, branches and shortened versions are there to move. Both are kept
when the upstream no longer has them, and served for ever while it fails. Digests never change and are never asked for again.

${table(['tags', 'ttl', 'stalewhilerevalidate'], rows)}`;
}

function unsupported(): string {
  return [
    '## Keys of registry:2 that have no effect',
    'They are accepted, with a warning at the start.',
    unsupportedTable('warned', 'registry'),
    '## Keys of registry:2 that are refused',
    'Going on without them would do something else than the file asks for.',
    unsupportedTable('refused', 'registry'),
    "## Cistern's own keys that this version does not have yet",
    unsupportedTable('refused', 'cistern'),
  ].join('\n\n');
}

function unsupportedTable(standing: UnsupportedKey['standing'], origin: UnsupportedKey['origin']): string {
  const rows = unsupportedKeys.filter((row) => row.standing === standing && row.origin === origin);
  return table(
    ['key', 'why'],
    rows.map(({ path, reason }) => [`\`${path.replace('*', '<name>')}\``, `${reason.replaceAll('<', '\\<')}.`]),
  );
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [tableLine(head), `|${head.map(() => '---|').join('')}`, ...rows.map(tableLine)].join('\n');
}

function tableLine(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

// Generates the reference page of the configuration from the schema, so that it always matches the code.
import type { KeyNode, UnsupportedNode } from './source/key-tree.ts';
import { keyTree } from './build-config.ts';
import { isReloadable } from './source/reloadable-keys.ts';
import { builtInUpstreams, dockerHub } from './sections/built-in-upstreams.ts';
import { defaultFreshness } from './sections/freshness.ts';
import { unsupportedKeys, type UnsupportedKey } from './source/unsupported-keys.ts';

/** Returns the reference page in Markdown. The text ends with a line break. */
export function describeConfig(): string {
  return `${[introduction, contents(), honouredKeys(), builtInTable(), builtInFreshness(), unsupported()].join('\n\n')}\n`;
}

const introduction = `# Configuration

*This page is generated from the schema. To change it, change the schema and run \`npm run docs\`.*

Everything has a default. Settings live in one YAML file, a superset of registry:2's. A file for registry:2 as a
pull-through cache and its \`REGISTRY_…\` variables work unchanged. An unknown key is an error. If there are errors, Cistern
prints all of them with their keys and does not start.

- **Environment.** \`REGISTRY_HTTP_ADDR=:6000\` sets \`http.addr\`, and so on for every key. Names are case-insensitive, and
  values are YAML. Variables override the file, in the order of their names. A number names an item of a list:
  \`REGISTRY_HTTP_TRUSTEDPROXIES_0\`. A name with dots keeps them (\`REGISTRY_UPSTREAMS_QUAY.IO_TTL\`). Shells cannot set such
  a variable, but container runtimes can. A variable that names no key is ignored with a warning.
  \`REGISTRY_CONFIGURATION_PATH\` names the file if the command line does not.
- **Durations** have units: \`500ms\`, \`30s\`, \`5m\`, \`1h30m\`. As in registry:2 a bare number means nanoseconds. A bare
  number below a millisecond is rejected, because it is probably a mistake.
- **Sizes** are bytes, or have units: \`500MB\` (powers of 1000), \`20GiB\` (powers of 1024).
- **Secrets** are set by value, by environment or by file. They appear as \`[redacted]\` in every printed configuration.
- **Changes.** A [reload](operations.md#reload-the-configuration) applies \`upstreams\`, \`proxy\`, \`offline\`, \`auth\`,
  \`access\`, \`limits\` and \`log.level\`, without a restart. Changes of all other keys need a restart.
- **Booleans** are \`true\` and \`false\`; \`yes\`, \`no\`, \`on\` and \`off\` work too.`;

function contents(): string {
  return `Sections: ${sectionsWithRows()
    .map(({ key }) => `[\`${key}\`](#${key})`)
    .join(', ')}.`;
}

type Row = Readonly<Record<'path' | 'type' | 'default' | 'description', string>>;

function honouredKeys(): string {
  const single = supportedKeys().flatMap(({ key, node }) => (node.kind === 'value' ? rowOf(key, node) : []));
  const sections = sectionsWithRows().map(
    ({ key, node, rows }) => `### \`${key}\`\n\n${leadOf(node)}${reloadOf(rows)}\n\n${keyTable(rows)}`,
  );
  return ['## Supported keys', keyTable(single), ...sections].join('\n\n');
}

function sectionsWithRows() {
  return supportedKeys()
    .map(({ key, node }) => ({ key, node, rows: rowsOf(key, node) }))
    .filter(({ rows }) => rows.length > 0);
}

function supportedKeys() {
  return [...keyTree.children].flatMap(([key, node]) => (node.kind === 'unsupported' ? [] : [{ key, node }]));
}

function leadOf(node: DescribedNode): string {
  const fallback = node.doc?.defaultText;
  return `${node.doc?.description ?? ''}${fallback === undefined ? '' : ` Default: ${fallback}.`}`;
}

/** Returns a sentence about the keys that a reload applies, or nothing if it applies none. */
function reloadOf(rows: readonly Row[]): string {
  const applied = rows.filter(({ path }) => isReloadable(path));
  if (applied.length === 0) return '';
  const which = applied.length === rows.length ? 'these keys' : applied.map(({ path }) => `\`${path}\``).join(', ');
  return ` A [reload](operations.md#reload-the-configuration) applies ${which}.`;
}

type DescribedNode = Exclude<KeyNode, UnsupportedNode>;

/** Returns the rows of the keys below a node. */
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
    ['key', 'type', 'default', 'description'],
    rows.map((row) => [`\`${row.path}\``, row.type, row.default, row.description]),
  );
}

function builtInTable(): string {
  const rows = Object.entries(builtInUpstreams).map(([name, { url, aliases }]) => [
    `\`${name}\`${name === dockerHub ? ' (default)' : ''}`,
    url,
    aliases.map((alias) => `\`${alias}\``).join(', '),
  ]);
  return `## Built-in upstreams\n\nThese upstreams apply if neither \`proxy.remoteurl\` nor \`upstreams\` is set. An upstream named \`docker.io\` always has\nthese aliases, and its names of one component, such as \`nginx\`, mean \`library/nginx\`.\n\n${table(['name', 'url', 'aliases'], rows)}`;
}

function builtInFreshness(): string {
  const rows = defaultFreshness.map(({ tags, ttlMs, staleWhileRevalidateMs }) => [
    tags.map((pattern) => `\`${pattern}\``).join(' '),
    ...[ttlMs, staleWhileRevalidateMs].map((ms) => (ms < 3_600_000 ? `${ms / 60_000}m` : `${ms / 3_600_000}h`)),
  ]);
  return `## Freshness of tags

These rules apply to an upstream with neither \`freshness\` nor \`ttl\`. Tags of full versions rarely move, but images are sometimes
rebuilt on a newer base. \`latest\`, branches and shortened versions move often. Both kinds are kept if the upstream no
longer has them, and are served stale without limit while it fails. Digests never change and are never confirmed.

${table(['tags', 'ttl', 'stalewhilerevalidate'], rows)}`;
}

function unsupported(): string {
  return [
    '## Keys of registry:2 that have no effect',
    'They are accepted, with a warning at startup.',
    unsupportedTable('warned', 'registry'),
    '## Keys of registry:2 that are rejected',
    'Cistern has no support for them, and without them it would not behave as the file requires.',
    unsupportedTable('refused', 'registry'),
    "## Cistern's own keys that this version does not support yet",
    unsupportedTable('refused', 'cistern'),
  ].join('\n\n');
}

function unsupportedTable(standing: UnsupportedKey['standing'], origin: UnsupportedKey['origin']): string {
  const rows = unsupportedKeys.filter((row) => row.standing === standing && row.origin === origin);
  return table(
    ['key', 'reason'],
    rows.map(({ path, reason }) => [`\`${path.replace('*', '<name>')}\``, `${reason.replaceAll('<', '\\<')}.`]),
  );
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [tableLine(head), `|${head.map(() => '---|').join('')}`, ...rows.map(tableLine)].join('\n');
}

function tableLine(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

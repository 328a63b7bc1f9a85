// The table of upstreams: who is in it, who is the default, and that every name means one upstream only.
import type { z } from 'zod';
import { builtInUpstreams, dockerHub, upstreamNameOf } from './built-in-upstreams.ts';
import type { SectionContext } from './context.ts';
import { proxyEntry, type proxySection } from './proxy.ts';
import type { CredentialConfig } from './upstream-credentials.ts';
import { buildUpstream, defaultUpstreamEntry, type UpstreamConfig, type upstreamsSection } from './upstreams.ts';

interface Row {
  readonly name: string;
  /** Of the entry in the file, for problems. */
  readonly path: string;
  readonly entry: ReturnType<typeof defaultUpstreamEntry>;
  /** Beside the accounts of the entry. */
  readonly helper?: CredentialConfig | undefined;
}

/** `proxy` is an upstream like the others; without it and without `upstreams`, the built-in table is served. */
export function buildUpstreamTable(
  given: {
    readonly proxy: z.output<typeof proxySection>;
    readonly upstreams: z.output<typeof upstreamsSection>;
    /** Of all that do not say it themselves. */
    readonly offline: boolean;
  },
  context: SectionContext,
): readonly UpstreamConfig[] {
  const rows = rowsOf(given);
  for (const { name, path } of rows) checkName(name, path, context);
  const defaultName = chooseDefault(rows, context);
  const takesAnyNamespace = rows.length === 1 && rows[0]?.path === 'proxy';
  const table = rows.map(({ name, entry, path, helper }) => {
    const upstream = buildUpstream(name, { ...entry, offline: entry.offline ?? given.offline }, path, context);
    const credentials = helper === undefined ? upstream.credentials : [helper, ...upstream.credentials];
    return { ...upstream, credentials, isDefault: name === defaultName, takesAnyNamespace };
  });
  checkUnique(rows, table, context);
  return addDotlessAliases(table);
}

function rowsOf({ proxy, upstreams = {} }: Omit<Parameters<typeof buildUpstreamTable>[0], 'offline'>): readonly Row[] {
  const rows: Row[] = Object.entries(upstreams).map(([name, entry]) => ({ name, path: `upstreams.${name}`, entry }));
  const single = proxyEntry(proxy);
  if (single) rows.unshift({ ...single, path: 'proxy' });
  if (rows.length > 0) return rows;
  return Object.keys(builtInUpstreams).map((name) => ({
    name,
    path: `upstreams.${name}`,
    entry: defaultUpstreamEntry(),
  }));
}

const namePattern = /^[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?(?::\d{1,5})?$/;

function checkName(name: string, path: string, context: SectionContext): void {
  if (!namePattern.test(name) || name === 'v2')
    context.report(
      path,
      'is no name for an upstream: use lower-case letters, digits, ".", "_" and "-", for example the host of the registry',
    );
  else if (upstreamNameOf(name) !== name) context.report(path, `is Docker Hub, whose name here is ${dockerHub}`);
}

function chooseDefault(rows: readonly Row[], context: SectionContext): string | undefined {
  const chosen = rows.filter(({ entry }) => entry.default === true);
  for (const { path } of chosen.slice(1))
    context.report(
      path === 'proxy' ? path : `${path}.default`,
      `only one upstream can be the default, and ${chosen[0]?.path} is`,
    );
  const fallback = rows.length === 1 ? rows[0] : rows.find(({ name }) => name === dockerHub);
  return (chosen[0] ?? (fallback?.entry.default === false ? undefined : fallback))?.name;
}

function checkUnique(rows: readonly Row[], table: readonly UpstreamConfig[], context: SectionContext): void {
  for (const field of ['aliases', 'hosts'] as const) {
    const takenBy = new Map<string, string>();
    for (const [at, upstream] of table.entries()) {
      const path = rows[at]?.path ?? '';
      for (const name of field === 'aliases' ? [upstream.name, ...upstream.aliases] : upstream.hosts) {
        const other = takenBy.get(name);
        if (other !== undefined)
          context.report(name === upstream.name ? path : `${path}.${field}`, `"${name}" already means ${other}`);
        takenBy.set(name, path);
      }
    }
  }
}

/**
 * Gives each upstream its name with "-" for "." and ":", such as `ghcr-io`, unless another one is called so. Docker Hub's
 * namespaces have no "-"; those of another default upstream may, and such an alias would hide them: there it gives none.
 */
function addDotlessAliases(table: readonly UpstreamConfig[]): readonly UpstreamConfig[] {
  const fallback = table.find(({ isDefault }) => isDefault);
  if (fallback !== undefined && fallback.name !== dockerHub) return table;
  const taken = new Set(table.flatMap(({ name, aliases }) => [name, ...aliases]));
  const dotless = table.map(({ name }) => name.replaceAll(/[.:]/g, '-'));
  const isFree = (alias: string) => !taken.has(alias) && dotless.indexOf(alias) === dotless.lastIndexOf(alias);
  return table.map((upstream, at) => {
    const added = dotless.slice(at, at + 1).filter(isFree);
    return { ...upstream, aliases: [...upstream.aliases, ...added] };
  });
}

// The `Link` header by which registries page their lists (RFC 8288; OCI distribution specification, "Listing Tags").

const link = /<([^>]*)>([^<]*)/g;
const relation = /;\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,"]+))/i;

/** The target of the first link with the relation `next`, made absolute. It is read for its query, never dialled. */
export function parseNextLink(header: string | undefined, base: URL): URL | undefined {
  for (const [, target, parameters] of (header ?? '').matchAll(link)) {
    const [, quoted, plain] = relation.exec(parameters ?? '') ?? [];
    const relations = (quoted ?? plain ?? '').toLowerCase().split(/\s+/);
    if (target !== undefined && relations.includes('next') && URL.canParse(target, base)) return new URL(target, base);
  }
  return undefined;
}

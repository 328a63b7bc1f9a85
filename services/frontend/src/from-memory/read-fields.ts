// Reads the header fields of a request that can be answered from memory. It reads the fields as Node.js received them, because
// `request.headers` builds an object of all fields.

export interface MemoryFields {
  readonly host: string | undefined;
  readonly requestId: string | undefined;
  readonly forwardedFor: string | undefined;
  readonly forwardedHost: string | undefined;
  readonly userAgent: string | undefined;
  readonly referer: string | undefined;
}

type Field = keyof MemoryFields;

/** `other`: the response needs the general path, because it depends on the value of this field. */
const known = new Map<string, Field | 'other' | 'ignored'>(
  Object.entries({
    host: 'host',
    'x-request-id': 'requestId',
    'x-forwarded-for': 'forwardedFor',
    'x-forwarded-host': 'forwardedHost',
    'user-agent': 'userAgent',
    referer: 'referer',
    'cache-control': 'other',
    'content-length': 'other',
    'if-none-match': 'other',
    range: 'other',
    'transfer-encoding': 'other',
    'x-cistern-hop': 'other',
  }),
);
/** Clients spell a name in few ways. A flood of others must not fill the memory. */
const [maxSpellings, maxName] = [1000, 40];

/** Returns `undefined` if the response depends on a field that is not in `MemoryFields`, or if one of them occurs twice. */
export function readFields(rawHeaders: readonly string[]): MemoryFields | undefined {
  let host: string | undefined;
  let requestId: string | undefined;
  let forwardedFor: string | undefined;
  let forwardedHost: string | undefined;
  let userAgent: string | undefined;
  let referer: string | undefined;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const value = rawHeaders[at + 1];
    switch (fieldOf(rawHeaders[at] ?? '')) {
      case 'ignored':
        break;
      case 'other':
        return undefined;
      case 'host':
        if (host !== undefined) return undefined;
        host = value;
        break;
      case 'requestId':
        if (requestId !== undefined) return undefined;
        requestId = value;
        break;
      case 'forwardedFor':
        if (forwardedFor !== undefined) return undefined;
        forwardedFor = value;
        break;
      case 'forwardedHost':
        if (forwardedHost !== undefined) return undefined;
        forwardedHost = value;
        break;
      case 'userAgent':
        if (userAgent !== undefined) return undefined;
        userAgent = value;
        break;
      case 'referer':
        if (referer !== undefined) return undefined;
        referer = value;
        break;
    }
  }
  return { host, requestId, forwardedFor, forwardedHost, userAgent, referer };
}

function fieldOf(name: string): Field | 'other' | 'ignored' {
  const field = known.get(name);
  if (field !== undefined) return field;
  const found = known.get(name.toLowerCase()) ?? 'ignored';
  if (known.size < maxSpellings && name.length <= maxName) known.set(name, found);
  return found;
}

// Requests whose end two servers may find at different bytes. Each form lists the statuses that a frontend sends, and those that
// a client gets through the shipped haproxy.

export interface SmugglingForm {
  readonly what: string;
  /** All bytes that the client sends on one connection. The server closes the connection. */
  readonly text: string;
  /** The statuses of all responses of a frontend. */
  readonly direct: readonly number[];
  /** The statuses of all responses through haproxy. */
  readonly balanced: readonly number[];
}

/** The repository of the requests that are hidden in bodies. No server is allowed to process these requests. */
export const hiddenName = 'library/hidden';

const host = 'Host: cache.test';
const hidden = `GET /v2/${hiddenName}/tags/list HTTP/1.1\r\n${host}\r\n\r\n`;
const last = `GET /v2/ HTTP/1.1\r\n${host}\r\nConnection: close\r\n\r\n`;
const chunked = 'Transfer-Encoding: chunked';
const end = '0\r\n\r\n';

type Statuses = readonly number[];
/** By default, the frontend and haproxy both reject the request. */
type Row = readonly [what: string, text: string, direct?: Statuses, balanced?: Statuses];

const refused: Statuses = [400];
/** The statuses of the request and of the request after it. */
const both: Statuses = [200, 200];
const afterwards: Statuses = [200, 400];

const request = (line: string, headers: readonly string[], body = '') =>
  [line, ...headers, '', body].join('\r\n') + last;
const get = (headers: readonly string[], body = '') => request('GET /v2/ HTTP/1.1', [host, ...headers], body);
/**
 * A request that no other request follows. It is for upgrades, after which Node.js ignores further bytes, and for a length after
 * chunks, which Node.js rejects with a delay.
 */
const alone = (headers: readonly string[], body = '') =>
  ['GET /v2/ HTTP/1.1', host, 'Connection: close', ...headers, '', body].join('\r\n');
const chunk = (bytes: string) => `${bytes.length.toString(16)}\r\n${bytes}\r\n`;
const lengthOf = (bytes: string) => `Content-Length: ${bytes.length}`;

/** haproxy uses the chunks, drops the length, and closes the connection after them. */
const byChunks: Statuses = [200];
const twoFramings: readonly Row[] = [
  ['CL.TE', get([lengthOf(end + hidden), chunked], end + hidden), refused, byChunks],
  ['TE.CL', get([chunked, 'Content-Length: 4'], chunk(hidden) + end), refused, byChunks],
  ['TE.TE, the second unknown', get([chunked, 'Transfer-Encoding: cow', lengthOf(hidden)], hidden)],
  ['TE.TE, the first unknown', get(['Transfer-Encoding: cow', chunked, lengthOf(hidden)], hidden), refused, [422]],
];

const besideLength = (field: string, balanced = refused): Row => [
  `${JSON.stringify(field)} with a length`,
  get([field, lengthOf(end + hidden)], end + hidden),
  refused,
  balanced,
];
const oddEncodings: readonly Row[] = [
  besideLength('Transfer-Encoding: CHUNKED', byChunks),
  besideLength('Transfer-Encoding:\tchunked', byChunks),
  besideLength('Transfer-Encoding:\r\n chunked', byChunks),
  besideLength('X: x\nTransfer-Encoding: chunked', byChunks),
  besideLength('Transfer-Encoding: identity, chunked', [422]),
  besideLength('Transfer-Encoding: gzip, chunked', [422]),
  ...[
    'Transfer-Encoding: xchunked',
    'Transfer-Encoding: chunkedx',
    'Transfer-Encoding: chunked x',
    'Transfer-Encoding: chunked, identity',
    'Transfer-Encoding: chunked, chunked',
    'Transfer-Encoding: chunked;q=1',
    'Transfer-Encoding: "chunked"',
    'Transfer-Encoding: \vchunked',
    'Transfer-Encoding: chunked\0',
    'Transfer-Encoding: cow\r\n chunked',
    'Transfer-Encoding: identity',
    'Transfer-Encoding:',
    'Transfer-Encoding : chunked',
    ' Transfer-Encoding: chunked',
    'X: x\rTransfer-Encoding: chunked',
  ].map((field) => besideLength(field)),
];

const size = hidden.length;
const withLength = (value: string): Row => [
  `the length ${JSON.stringify(value)}`,
  get([`Content-Length: ${value}`], hidden),
];
const oddLengths: readonly Row[] = [
  ['two lengths, the first 0', get(['Content-Length: 0', lengthOf(hidden)], hidden)],
  ['two lengths, the second 0', get([lengthOf(hidden), 'Content-Length: 0'], hidden)],
  ['the same length twice', get([lengthOf(hidden), lengthOf(hidden)], hidden), refused, both],
  ['the same length twice in a list', get([`Content-Length: ${size}, ${size}`], hidden), refused, both],
  ['a folded length', get([`Content-Length:\r\n ${size}`], hidden), refused, both],
  ['a length after a bare LF', get([`X: x\nContent-Length: ${size}`], hidden), refused, both],
  ['a length with a space before the colon', get([`Content-Length : ${size}`], hidden)],
  ['a length listed in Connection', get(['Connection: Content-Length', lengthOf(hidden)], hidden), both, both],
  ['an encoding with an underscore', get(['Transfer_Encoding: chunked', lengthOf(hidden)], hidden), both, both],
  ...[`0, ${size}`, `${size} 0`, `+${size}`, `-${size}`, `${size};`, `"${size}"`, `\v${size}`].map(withLength),
  ...[`0x${size.toString(16)}`, '1e1', '', '99999999999999999999'].map(withLength),
];

const ofChunks = (what: string, body: string, direct = afterwards, balanced = refused): Row => [
  what,
  get([chunked], body),
  direct,
  balanced,
];
/** A frontend answers a GET without reading its body, and rejects the bytes that follow. */
const oddChunks: readonly Row[] = [
  ofChunks('a chunk that holds a request', chunk(hidden) + end, both, both),
  ofChunks('an extension of a chunk', `5;a=b\r\nabcde\r\n${end}`, both, both),
  ofChunks('an extension that holds a request', `0;${hidden}${end}`, afterwards, afterwards),
  ofChunks('an extension with a bare LF', `5;a\nabcde\r\n${end}`),
  ofChunks('a size with a space', `5 \r\nabcde\r\n${end}`, afterwards, both),
  ofChunks('a size with 0x', `0x5\r\nabcde\r\n${end}`),
  ofChunks('a negative size', `-5\r\nabcde\r\n${end}`),
  ofChunks('a size beyond 64 bits', `10000000000000005\r\nabcde\r\n${end}`),
  ofChunks('no size', `\r\nabcde\r\n${end}`),
  ofChunks('sizes that end with a bare LF', '5\nabcde\n0\n\n'),
  ofChunks('sizes that end with a bare CR', '5\rabcde\r0\r\r'),
  ofChunks('a chunk longer than its size', `5\r\nabcdefg\r\n${end}`),
  ['a length after the chunks', alone([chunked], `0\r\n${lengthOf(hidden)}\r\n\r\n${hidden}`), afterwards, [200]],
  ofChunks('fields after the chunks with a bare LF', '0\r\nX: x\n\n', afterwards, both),
];

const oddLines: readonly Row[] = [
  ['absolute form, of another host', request('GET http://ghcr.test/v2/ HTTP/1.1', [host]), both, refused],
  ['absolute form, without a path', request('GET http://cache.test HTTP/1.1', [host]), both, both],
  ['two spaces', request('GET  /v2/ HTTP/1.1', [host]), both, both],
  ['a tab', request('GET\t/v2/\tHTTP/1.1', [host]), refused, both],
  ['a request in the line', request(`GET /v2/ HTTP/1.1\rGET /v2/${hiddenName}/tags/list HTTP/1.1`, [host])],
  ['HTTP/0.9', request('GET /v2/', [host]), afterwards, refused],
  ['HTTP/1.0 with chunks', request('GET /v2/ HTTP/1.0', [host, chunked], chunk(hidden) + end), afterwards, [413]],
  ['HTTP/1.2', request('GET /v2/ HTTP/1.2', [host]), refused, both],
  ['HTTP/2 by its preface', `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${last}`, refused, []],
  ['empty lines before a request', `\r\n\r\n${last}`, [200], [200]],
  ['lines that end with a bare LF', `GET /v2/ HTTP/1.1\n${host}\n\n${last}`, refused, both],
  ['lines that end with a bare CR', `GET /v2/ HTTP/1.1\r${host}\r\r${last}`],
  ['a space before the method', ` ${last}`],
  ['CONNECT', request('CONNECT cache.test:443 HTTP/1.1', [host]), [], [502, 200]],
  [
    'an upgrade to h2c',
    alone(['Connection: Upgrade', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__']),
    [200],
    [200],
  ],
  ['an upgrade to a web socket', alone(['Connection: Upgrade', 'Upgrade: websocket']), [200], refused],
  ['100-continue with a body', get(['Expect: 100-continue', lengthOf(hidden)], hidden), [100, ...both], [100, ...both]],
  ['a GET with a body', get([lengthOf(hidden)], hidden), both, both],
  ['a HEAD with a body', request('HEAD /v2/ HTTP/1.1', [host, lengthOf(hidden)], hidden), both, both],
  [
    'a write with a body',
    request('PUT /v2/a/manifests/x HTTP/1.1', [host, lengthOf(hidden)], hidden),
    [405, 200],
    [405, 200],
  ],
];

const oddHeaders: readonly Row[] = [
  ['two hosts', request('GET /v2/ HTTP/1.1', [host, 'Host: ghcr.test']), [400, 200], refused],
  ['the same host twice', request('GET /v2/ HTTP/1.1', [host, host]), [400, 200], both],
  ['no host', request('GET /v2/ HTTP/1.1', []), refused, [400, 200]],
  ['a host with a space before the colon', request('GET /v2/ HTTP/1.1', ['Host : cache.test'])],
  ['a folded host', request('GET /v2/ HTTP/1.1', [`${host}\r\n ghcr.test`])],
  ['a header without a colon', get(['no colon'])],
  ['a header without a name', get([': x'])],
  ['NUL in a header', get(['X: a\0b'])],
  ['a request after a bare CR', get([`X: a\rGET /v2/${hiddenName}/tags/list HTTP/1.1`])],
];

export const smugglingForms: readonly SmugglingForm[] = [
  ...twoFramings,
  ...oddEncodings,
  ...oddLengths,
  ...oddChunks,
  ...oddLines,
  ...oddHeaders,
].map(([what, text, direct = refused, balanced = refused]) => ({ what, text, direct, balanced }));

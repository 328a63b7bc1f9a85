// The page of all log messages: a table for each part of the product, the most severe level first.

/** Each part with its folders and files. A folder that logs belongs to a part, its own or that of the folder around it. */
const parts = [
  ['Requests', ['services/frontend', 'libs/telemetry/src/request-log.ts']],
  ['Process and listeners', ['services/cli', 'services/worker', 'libs/runtime', 'libs/assembly']],
  ['Access', ['libs/auth', 'services/admin']],
  ['Certificates', ['libs/tls']],
  [
    'Tags and manifests',
    ['libs/pull-through/src/manifest', 'libs/pull-through/src/lists', 'libs/pull-through/src/freshness'],
  ],
  ['Fetches', ['libs/fills', 'libs/pull-through']],
  ['Upstreams', ['libs/upstream']],
  ['Store', ['libs/blob-store', 'libs/content']],
  ['Index and Redis', ['libs/index', 'libs/redis']],
  ['Jobs', ['libs/jobs']],
  ['Eviction, scrub and rebuild', ['libs/maintenance']],
  ['Prewarming', ['libs/prewarm']],
  ['Reports and traces', ['libs/operations', 'libs/telemetry']],
];
const severity = ['fatal', 'error', 'warn', 'info', 'debug', 'trace'];

const introduction = `# Log messages

*This page is generated from the code: change the code, then run \`npm run docs\`.*

Look up a line of the log here, or find the message to search or to alert on. A message is constant; its details are in the fields.
A value in angle brackets varies.

\`\`\`text
23:35:08 docker.io/library/alpine:3.20 HIT 3.4 MB 12 ms 10.0.3.7
23:35:09 WARN index still unavailable seconds=60 failures=412 skipped=35
\`\`\`

A line for people has the local time, the level unless it is \`info\`, the message, and the fields as \`key=value\`. With
\`log.formatter: json\` each line is one JSON object with \`time\`, \`level\`, \`msg\` and the fields.

| level | means |
|---|---|
| \`fatal\` | the process ends |
| \`error\` | an operator should look at it |
| \`warn\` | clients are served, but something is degraded |
| \`info\` | an event of normal operation |
| \`debug\` | details, off by default (\`log.level\`) |

## Requests

- **Each request is one line at its end**, with the message \`request\`. A pull writes no other line. Also the \`401\` that clients of a cache with
  users get first, and \`/v2/\`, are requests.
- For people the line has the image with tag or digest, the cache result or the status, the bytes, the time and the client. A user and a
  method other than GET follow.
- In JSON it has at most 300 bytes for image names of up to 40 characters, without \`log.fields\`, \`labels\` and \`traceId\`. The field \`method\` is unset
  for GET. Digests are shortened to 12 digits.
- **A request that failed has further facts**: \`url\`, \`requestId\`, \`userAgent\`, \`denied\`, \`errorKind\` and others. With \`log.level: debug\` each
  request has them.
- It is \`info\` for each success and for each status below 500, thus also for an expected 404. It is \`warn\` if an error ended the request
  with a status of 500 or more, or broke the connection.
- It is \`error\` instead of \`warn\` if the cause needs an operator. Then \`errorKind\` is \`internal\`, \`content-mismatch\`, \`loop-detected\`,
  \`store-unavailable\`, \`index-unavailable\` or \`upstream-refused-us\`.
- **\`log.hits\`** samples hits or leaves them out. A sampled line has its share: \`hits=1%\` stands for a hundred hits. Misses and failures are
  always logged. Use the [metrics](metrics.md) to count.
- **Tools that read access logs** get the combined format of registry:2 with \`log.accesslog.disabled: false\`. Its line replaces the line of the
  request, with each \`log.formatter\`. A request at \`warn\` or \`error\` has both lines. A success and a 4xx have only that of the access log,
  unless \`log.level\` is \`debug\`.

## Outages

- An outage of the index, the store or an upstream is one line when it begins, one in each minute, and one when it ends.
- All lines of an outage are \`warn\`, also the last one. So a filter by level shows both ends. The same is true for other recoveries.
- **Consequences of an outage are lowered to \`debug\`**: warnings and errors whose \`err\` comes from the unavailable part. The lines of the outage
  count them: \`failures\` failed, and \`skipped\` were not tried.
- Other lines keep their level during an outage: requests, errors with another cause, and messages that are written only once.
- To see the consequences, too, set \`log.level: debug\`. [A reload](operations.md#reload-the-configuration) applies it without a restart.

| begins | goes on, once a minute | ends |
|---|---|---|
RECOVERIES

## Words

The [glossary](architecture.md#glossary) defines the words of Cistern. The messages need these:

| word | means |
|---|---|
| fill | one fetch of one digest from an upstream; many clients read it while it runs |
| spool | the file that a fill writes and its readers read |
| segment | an equal part of a blob, which is fetched, hashed and stored as a unit |
| link | the entry that a repository of an upstream holds a digest |
| sweeper | the loop that aborts abandoned uploads to the store |
| scrub | the weekly check of all stored bytes |
| quarantine | the place for damaged objects, where an operator can inspect them |
| aging | the removal of content past its max age (\`maxage\`) |
| forgetting | the removal of names whose manifest is gone |
| reread | another try to read objects that a rebuild of the index could not read |

## Fields

The field \`err\` has the error with its kind and its cause. In the lines of an outage it has only the message and the code. A field without a row is explained by its name.

| field | value |
|---|---|`;

/** The first line of a state, the line of each minute if there is one, and the lines that end it. */
const recoveries = [
  ['index unavailable, falling back to memory and store', 'index still unavailable', ['index available again']],
  ['store unavailable', 'store still unavailable', ['store available again']],
  ['circuit breaker opened', 'circuit breaker still open', ['circuit breaker closed', 'circuit breaker half-open']],
  ['upstream credentials rejected or unreadable', undefined, ['upstream credentials accepted again']],
  ['pull budget exhausted, serving cached tags stale', undefined, ['pull budget recovered']],
  ['upstream switched offline by operator or setting', undefined, ['upstream switched online by operator or setting']],
];

/** Fields of several messages, and those whose name does not explain them. */
const descriptions = {
  digest: 'the blob or manifest',
  upstream: 'name of the upstream, such as `docker.io`',
  endpoint: 'host of the registry: the upstream itself or an alternate',
  repository: 'name within the upstream, such as `library/alpine`',
  tag: 'the tag in the repository',
  account: 'the account of the upstream; `anonymous` without one',
  address: 'another worker',
  bucket: 'the bucket of the S3 store',
  path: 'the path of a file',
  setting: 'the setting to look at, or to correct',
  blobs: 'number of blobs',
  bytes: 'a size; for a request the bytes of the body that were sent',
  cache:
    'the cache result, as in `X-Cache`: `HIT`, `MISS`, `JOINED`, `REVALIDATED` or `STALE`; unset if the cache was not involved',
  errorKind: 'the kind of the error that ended the request; `internal` for an unexpected error',
  denied: 'the reason why access was denied, authentication failed or a limit applied',
  labels: 'claims of the token of a CI job, selected by `auth.oidc.<name>.labels`',
  redirected: 'true if the client was redirected to the store',
  reference: 'a tag, or the first 12 digits of a digest',
  client: 'the address of the client; IPv4 also for a socket of IPv6',
  ms: 'the time from the request to the last byte of the response',
  hits: 'the share of hits that are logged; unset if all are',
  class: '`interactive` if a client waits for the job, else `background`',
  from: 'address of the previous worker; unset if the fill continues from its checkpoint',
  adopted: 'objects in the store that were missing in the index',
  forgotten: 'records of the index whose objects were missing in the store',
  step: 'the stage of the rebuild: `blobs`, `links`, `held` or `tags`; `done` at the end',
  part: 'the part of the store that the rebuild read, such as `blobs/3f`',
  isComplete: 'false if the index lost data during the rebuild',
  seconds: 'how long an outage or a pass has lasted',
  failures: 'calls that failed because of an outage, since it began',
  skipped: 'calls that were not made because of an outage, since it began',
  aside: 'the new path of the unusable file',
  key: 'the setting, or the key in Redis',
  warning: 'the problem of the setting',
  listener: 'the setting that has the address of the listener, such as `http.addr`',
  reason: 'why the connection, the certificate or the file was rejected',
  problem: 'the message of the OpenTelemetry exporter',
};

/** `messages`: of `findMessages`, with paths relative to the root. Returns Markdown that ends with a line break. */
export function describeLog(messages) {
  const used = new Set(messages.flatMap(({ fields }) => fields));
  const unused = Object.keys(descriptions).find((field) => !used.has(field));
  if (unused !== undefined) throw new Error(`No log message has the field "${unused}". Remove its description.`);
  const rowsOf = Object.fromEntries(parts.map(([title]) => [title, []]));
  for (const message of messages) rowsOf[partOf(message.path)].push(message);
  const tables = Object.entries(rowsOf).map(([title, rows]) => `## ${title}\n\n${table(rows)}`);
  const fields = Object.entries(descriptions).map(([field, text]) => `| \`${field}\` | ${text} |`);
  const opening = introduction.replace('RECOVERIES', recoveryRows(messages).join('\n'));
  return `${[[opening, ...fields].join('\n'), ...tables].join('\n\n')}\n`;
}

function recoveryRows(messages) {
  const known = new Set(messages.map(({ message }) => message));
  const unknown = recoveries.flat(2).find((message) => message !== undefined && !known.has(message));
  if (unknown !== undefined) throw new Error(`No log message is "${unknown}". Correct the list of recoveries.`);
  return recoveries.map(([begins, lasts, ends]) => {
    const cells = [[begins], [lasts ?? []].flat(), ends];
    return `| ${cells.map((texts) => texts.map((text) => `\`${text}\``).join(', ')).join(' | ')} |`;
  });
}

/** The part with the longest folder that has the file. */
function partOf(path) {
  const folders = parts.flatMap(([title, names]) => names.map((folder) => ({ title, folder })));
  const [found] = folders
    .filter(({ folder }) => `${path}/`.startsWith(`${folder}/`))
    .toSorted((a, b) => b.folder.length - a.folder.length);
  if (found === undefined) throw new Error(`${path} logs, but belongs to no part of the page of log messages.`);
  return found.title;
}

/** A message that is logged in several places is one row with the fields of all. */
function table(messages) {
  const rows = new Map();
  for (const { levels, message, fields } of messages) {
    const row = rows.get(message) ?? { levels: new Set(), fields: new Set() };
    for (const level of levels) row.levels.add(level);
    for (const field of fields) row.fields.add(field);
    rows.set(message, row);
  }
  const sorted = [...rows]
    .map(([message, row]) => ({
      message,
      fields: [...row.fields],
      levels: severity.filter((one) => row.levels.has(one)),
    }))
    .toSorted(
      (a, b) => severity.indexOf(a.levels[0]) - severity.indexOf(b.levels[0]) || (a.message < b.message ? -1 : 1),
    );
  const cells = sorted.map(({ levels, message, fields }) => {
    const names = fields.map((field) => `\`${field}\``).join(', ');
    return `| ${levels.join(', ')} | \`${message}\` | ${names} |`;
  });
  return ['| level | message | fields |', '|---|---|---|', ...cells].join('\n');
}

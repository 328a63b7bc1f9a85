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
A value in angle brackets varies. With \`log.formatter: json\` each line is one JSON object with \`time\`, \`level\`, \`msg\` and the fields.

| level | means |
|---|---|
| \`fatal\` | the process ends |
| \`error\` | an operator should look at it |
| \`warn\` | clients are served, but something is degraded |
| \`info\` | an event of normal operation |
| \`debug\` | details, off by default (\`log.level\`) |

The field \`err\` has the error with its kind and its cause. These fields occur in many messages:

| field | value |
|---|---|`;

/** Fields of several messages. A field that is not listed is explained by its name. */
const descriptions = {
  digest: 'the blob or manifest',
  upstream: 'name of the upstream, such as `docker.io`',
  endpoint: 'host of the registry: the upstream itself or an alternate',
  repository: 'name within the upstream, such as `library/alpine`',
  tag: 'the tag in the repository',
  credential: 'which account of the upstream; `anonymous` without one',
  address: 'another worker',
  bucket: 'the bucket of the S3 store',
  path: 'the path of a file',
  setting: 'the setting to look at',
  blobs: 'number of blobs',
  bytes: 'their size',
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
  return `${[[introduction, ...fields].join('\n'), ...tables].join('\n\n')}\n`;
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

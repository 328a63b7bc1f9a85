// The colour of each word in the legends of all dashboards, so that a colour has one meaning. Grafana's palette has the names.

export const good = 'green';
export const warning = 'orange';
export const bad = 'red';
export const neutral = 'blue';

export const colours: Readonly<Record<string, string>> = {
  hit: 'green',
  joined: 'light-green',
  revalidated: 'blue',
  stale: 'orange',
  due: 'yellow',
  miss: 'purple',
  none: 'text',

  '2xx': 'green',
  '3xx': 'blue',
  '4xx': 'orange',
  '5xx': 'red',
  aborted: 'text',

  ok: 'green',
  done: 'green',
  answered: 'green',
  moved: 'blue',
  failed: 'red',
  unreachable: 'red',
  timeout: 'light-red',
  mismatch: 'dark-red',
  'rate-limited': 'orange',
  'refused-us': 'dark-orange',
  denied: 'yellow',
  'not-found': 'text',

  'cached p50': 'light-green',
  'cached p99': 'green',
  'fetched p50': 'light-purple',
  'fetched p99': 'purple',

  'to clients': 'green',
  'from upstreams': 'purple',
  stored: 'green',
  evicted: 'orange',
  limit: 'red',
  reserve: 'orange',
  'free on disk': 'blue',
  'minimum free': 'orange',
  read: 'blue',
  damaged: 'red',
  interactive: 'blue',
  background: 'purple',
  'interactive p50': 'light-blue',
  'interactive p95': 'blue',
  'background p50': 'light-purple',
  'background p95': 'purple',
  'interactive parked': 'orange',
  'background parked': 'yellow',

  frontend: 'blue',
  worker: 'purple',
  admin: 'text',
  standalone: 'blue',
  'frontend p50': 'light-blue',
  'frontend p99': 'blue',
  'worker p50': 'light-purple',
  'worker p99': 'purple',
  'admin p50': 'text',
  'admin p99': 'text',
};

/** Hues without a meaning, which separate series. */
const [teal, pink, brown] = ['#37a2a2', '#d683ce', '#a37c5b'];

/** Patterns of names that begin with an upstream of the default configuration. Others have the colour of the panel. */
export const upstreamColours: Readonly<Record<string, string>> = {
  '/^docker\\.io/': 'blue',
  '/^quay\\.io/': 'purple',
  '/^ghcr\\.io/': pink,
  '/^gcr\\.io/': teal,
  '/^registry\\.k8s\\.io/': 'dark-blue',
  '/^mcr\\./': brown,
  '/^public\\.ecr\\./': 'dark-purple',
};

/** Patterns of the names of failed store operations. Others have shades of red. */
export const failureColours: Readonly<Record<string, string>> = {
  '/^put$/': 'red',
  '/^stat$/': 'light-red',
  '/^open$/': 'dark-red',
};

/** Patterns of the names of tags and lists that were served stale, by upstream. */
export const staleColours: Readonly<Record<string, string>> = {
  '/^stale: /': 'orange',
  '/^stale: quay/': 'light-orange',
  '/^stale: ghcr/': 'dark-orange',
};

/** Patterns of the names of jobs and queues. */
export const jobColours: Readonly<Record<string, string>> = {
  '/^(fetch-blob|interactive-blob)$/': 'blue',
  '/^(fetch-manifest|interactive-short)$/': pink,
  '/^(revalidate-tag|background-blob)$/': teal,
  '/^(prewarm-[a-z]+|background-short)$/': 'purple',
  '/^fetch-manifest failed$/': 'dark-red',
  '/^revalidate-tag failed$/': 'light-red',
};

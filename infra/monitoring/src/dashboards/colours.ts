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
  interactive: 'blue',
  background: 'purple',
};

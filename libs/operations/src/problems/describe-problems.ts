// Creates the reference page of the problems from the code, so that page and code cannot differ.
import { loadConfig } from '@cistern/config';
import { allParts, problemWords } from './problem-words.ts';

const introduction = `# Problems

*This page is generated from the code: change the code, then run \`npm run docs\`.*

Look up a problem of the cache here. \`cistern status\`, the [console](console.md), \`/readyz\` and the metrics show the same problems, each with
the time of its beginning and its cause. A node checks its parts every two seconds, and its store every five. The admin node also shows what
other nodes report.

| severity | means |
|---|---|
| \`critical\` | pulls fail, or will fail soon; \`cistern status\` exits with 2, and \`cistern_part_up\` of the part is 0 |
| \`warning\` | pulls are served, but an operator should act |

\`/readyz\` answers 503 only while clients should use another node: without the index or the store. While the index is unavailable, the admin node
shows nodes and counters as of its last view, and says so. A failed check of the store is a warning until \`health.storagedriver.threshold\` checks in
a row have failed. At the first check of a node it is critical. The metric \`cistern_problem_since_timestamp_seconds\` has one series for each problem.`;

/** Returns the page in Markdown, which ends with a line break. */
export function describeProblems(): string {
  const words = problemWords(ofCluster());
  const kinds = Object.entries(words).toSorted(([, one], [, other]) => rank(one.part) - rank(other.part));
  const rows = kinds.map(
    ([kind, { part, severity, works, mend }]) => `| \`${kind}\` | ${part} | ${severity} | ${works} | ${mend} |`,
  );
  const head = '| problem | part | severity | what still works | what to do |\n|---|---|---|---|---|';
  const single = 'The texts are those of a cluster. A single process names its disk instead of Redis and S3.';
  return `${introduction}\n\n${[head, ...rows].join('\n')}\n\n${single}\n`;
}

function ofCluster() {
  const env = {
    REGISTRY_STORAGE: '{s3: {regionendpoint: "http://s3:9000", region: r, accesskey: a, secretkey: s, bucket: bucket}}',
    REGISTRY_REDIS_ADDRS: 'redis:6379',
    REGISTRY_CLUSTER_SECRET: 'x'.repeat(32),
  };
  return loadConfig({ env, defaults: { rootDirectory: '/' } });
}

function rank(part: (typeof allParts)[number]): number {
  return allParts.indexOf(part);
}

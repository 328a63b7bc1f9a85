// The shape of an alert, and the values that differ between installations of Prometheus.

export interface RuleVariables {
  /** Regular expression of the scrape jobs of Cistern's nodes. */
  readonly job: string;
  readonly haproxyJob: string;
  readonly s3Job: string;
  /** The address of the page with the sections of the alerts, without a fragment. */
  readonly runbookUrl: string;
  /** The address of the console, with a slash at its end. */
  readonly consoleUrl: string;
}

/** The values for docker-compose.yml. */
export const composeVariables: RuleVariables = {
  job: 'frontend|worker|admin|cistern',
  haproxyJob: 'haproxy',
  s3Job: 's3',
  runbookUrl: 'docs/operations.md',
  consoleUrl: 'http://localhost:5003/console/',
};

export interface Alert {
  /** The name, which is also the title of a section in docs/operations.md. */
  readonly alert: string;
  readonly expr: string;
  /** How long the expression must hold. Unset means that the alert fires immediately. */
  readonly for?: string;
  /** `critical`: pulls fail, or will soon. `warning`: the cache serves, but an operator should act. */
  readonly severity: 'critical' | 'warning';
  readonly summary: string;
  /** The cause, the state of the cache meanwhile, and the remedy, in a few sentences. */
  readonly description: string;
  /** The page of the console that shows more. Default: the overview. */
  readonly page?: 'in-flight' | 'images' | 'upstreams' | 'jobs' | 'nodes';
}

/**
 * The labels that distinguish the caches that one Prometheus watches. They are usually external labels, or labels of
 * the target. Without them the group is one.
 */
export const cache = 'cluster, namespace';

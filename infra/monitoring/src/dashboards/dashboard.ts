// The frame of a dashboard: its variables, annotations and links, and the places of its panels.
import { bad, neutral } from './colours.ts';
import { datasource, type Panel } from './panel.ts';
import { of } from './queries.ts';

/** Panels beside each other. Each has its share of the width. */
interface Row {
  /** A heading above the row. */
  readonly heading?: string;
  /** In units of 38 pixels. */
  readonly height: number;
  /** The panels with their widths, which add up to 24. Without widths all are equally wide. */
  readonly panels: readonly Panel[];
  readonly widths?: readonly number[];
}

export interface DashboardPlan {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  /** More variables, which select by a label of a metric. */
  readonly variables?: readonly object[];
  readonly rows: readonly Row[];
}

interface Place {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

const variable = (name: string, label: string, definition: string, more: object) => ({
  type: 'query',
  name,
  label,
  datasource,
  definition,
  query: { query: definition, refId: name },
  refresh: 2,
  sort: 1,
  multi: true,
  includeAll: true,
  current: { selected: true, text: ['All'], value: ['$__all'] },
  options: [],
  ...more,
});

/** Returns a variable for the values of a label. All of them includes series without the label. */
export function labelVariable(name: string, label: string, metric: string): object {
  return variable(name, label, `label_values(${metric}, ${name})`, { allValue: '.*' });
}

const nodes = 'cistern_build_info';
const inCluster = `${nodes}{cluster=~"$cluster"}`;
const inNamespace = `${nodes}{cluster=~"$cluster",namespace=~"$namespace"}`;
const ofJob = `${nodes}{cluster=~"$cluster",namespace=~"$namespace",job=~"$job"}`;

const commonVariables = [
  {
    type: 'datasource',
    name: 'datasource',
    label: 'Data source',
    query: 'prometheus',
    current: {},
    options: [],
    refresh: 1,
  },
  labelVariable('cluster', 'Cluster', nodes),
  labelVariable('namespace', 'Namespace', inCluster),
  // All jobs are those of Cistern, not all of Prometheus, because the metrics of processes are not only ours.
  variable('job', 'Job', `label_values(${inNamespace}, job)`, {}),
  labelVariable('instance', 'Node', ofJob),
];

const annotation = (name: string, colour: string, expr: string, texts: object) => ({
  name,
  enable: true,
  iconColor: colour,
  datasource,
  expr,
  step: '15s',
  ...texts,
});
/** A start of a node, with the labels of its version. */
const start = of('process_start_time_seconds');
const firstStart = `min by (version) (${start} * on (job, instance) group_left (version) ${of(nodes)})`;

const annotations = [
  annotation(
    'Alerts',
    bad,
    'ALERTS{alertname=~"Cistern.*",alertstate="firing",cluster=~"$cluster",namespace=~"$namespace"}',
    {
      titleFormat: '{{alertname}}',
      textFormat: '{{part}}{{upstream}}{{role}}{{queue}}',
    },
  ),
  annotation('Starts', neutral, `${start} * 1000`, {
    titleFormat: 'Start',
    textFormat: '{{job}} {{instance}}',
    useValueForTime: 'on',
  }),
  annotation('Versions', 'purple', `${firstStart} * 1000`, {
    titleFormat: 'First node of version {{version}}',
    textFormat: '',
    useValueForTime: 'on',
  }),
];

/** Returns the dashboard in the JSON of Grafana. */
export function dashboardOf({ uid, title, description, variables = [], rows }: DashboardPlan): object {
  return {
    uid,
    title,
    description,
    tags: ['cistern'],
    schemaVersion: 41,
    editable: true,
    graphTooltip: 1,
    refresh: '30s',
    time: { from: 'now-3h', to: 'now' },
    timezone: 'browser',
    templating: { list: [...commonVariables, ...variables] },
    annotations: { list: annotations },
    links: [
      {
        type: 'dashboards',
        title: 'Cistern',
        tags: ['cistern'],
        asDropdown: true,
        includeVars: true,
        keepTime: true,
        icon: 'external link',
      },
    ],
    panels: placePanels(rows),
  };
}

function placePanels(rows: readonly Row[]): object[] {
  const placed: object[] = [];
  let y = 0;
  const place = (panel: object, { x, w, h }: Omit<Place, 'y'>) =>
    placed.push({ id: placed.length + 1, ...panel, gridPos: { x, y, w, h } });
  for (const { heading, height, panels, widths } of rows) {
    if (heading !== undefined) {
      place({ type: 'row', title: heading, collapsed: false, panels: [] }, { x: 0, w: 24, h: 1 });
      y += 1;
    }
    let x = 0;
    for (const [index, panel] of panels.entries()) {
      const w = widths?.[index] ?? 24 / panels.length;
      place({ ...panel, datasource }, { x, w, h: height });
      x += w;
    }
    y += height;
  }
  return placed;
}
